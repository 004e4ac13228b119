# make demo   a shop, a help desk and the portal, from a bare checkout
# make test   lint, types and every test; installs or names what they need
# make bench  the benchmarks of tests/bench: a table, and build/bench.json; FIGURES=order_pull for that alone
# make chaos  processes killed -9 at random for ten minutes or more, and the verdict on what is left
# make screenshots   every state of every page, in build/screenshots

VENV := .venv
READY := $(VENV)/ready

.PHONY: demo test bench chaos screenshots

demo: $(READY)
	@$(VENV)/bin/portal demo

test: $(READY)
	@tests/needs
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/pytest -n auto --dist worksteal

bench: $(READY)
	@tests/needs
	@$(VENV)/bin/python -m tests.bench $(FIGURES)

chaos: $(READY)
	@tests/needs
	@$(VENV)/bin/python -m tests.chaos

screenshots: $(READY)
	@tests/needs
	@$(VENV)/bin/python -m tests.screenshots

# Touched last: an install that was interrupted is begun again, a finished one costs nothing.
$(READY): requirements.lock pyproject.toml
	@tests/needs python
	$$(tests/needs which-python) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
