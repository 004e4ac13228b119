"""Imports point down: a module imports from the floors below it or from its own folder, and the sandbox stands beside."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "portal"

FLOORS = {
    "errors": 1, "model": 1, "environment": 1, "config": 1, "database": 1, "http": 1, "assets": 1, "tokens": 1, "mail": 1, "logs": 1,
    "crm": 1,
    "bitrix": 2, "store": 2,
    "helpdesk": 3,
    "service": 4,
    "web": 5, "pulse": 4, "worker": 5, "snippets": 5, "cli_shown": 5, "rehearsal": 5,
    "app": 6, "cli_events": 6,
    "cli_backfill": 7,
    "cli": 8,
}  # fmt: skip
"""crm.py stands beside mail.py: a way out that knows nothing of tickets.

Floor 2 has two halves and floor 4 three steps (design: bitrix, store < helpdesk; web, worker < app < cli).
"""

SANDBOX = "sandbox"
MAY_START_THE_SANDBOX = {"portal.cli"}
STARTS_THE_PORTAL = {"portal.sandbox.demo"}
THE_SANDBOX_MAY_USE = {"portal.assets", "portal.http"}


def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(source: str, known: set[str]) -> set[str]:
    """The modules that this source imports, inside functions too; `known` are ours."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import hides the floor it goes to"
            # `from portal.web import pages` is the module pages where there is one, else a name of the package.
            found |= {
                f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in known else str(node.module)
                for alias in node.names
            }
    return found


def part(module: str) -> str:
    """portal.web.pages → web; portal itself → ''."""
    return [*module.split("."), ""][1]


def wrong(module: str, imported: str) -> str | None:
    """Why `module` may not import `imported`, None when it may."""
    mine, its = part(module), part(imported)
    if SANDBOX in (mine, its):
        return wrong_beside(module, imported)
    if not mine or mine == its:
        return None
    if mine not in FLOORS or its not in FLOORS:
        return "has no floor: give it one in tests/test_layout.py"
    same_folder = FLOORS[mine] == FLOORS[its] == 1  # the ground floor is one folder, portal/ itself
    return None if FLOORS[its] < FLOORS[mine] or same_folder else "is not below it"


def wrong_beside(module: str, imported: str) -> str | None:
    """The sandbox plays the vendors: the product does not know it, and it shares no decoder with the product."""
    if part(module) != SANDBOX:
        return None if module in MAY_START_THE_SANDBOX else "is the sandbox"
    fine = part(imported) == SANDBOX or imported in THE_SANDBOX_MAY_USE or module in STARTS_THE_PORTAL
    return None if fine else "is the product's own side"


MODULES = modules()
IMPORTS = {name: imports(path.read_text("utf-8"), set(MODULES)) for name, path in MODULES.items()}
GRAPH = {name: {one for one in found if one.split(".")[0] == "portal"} for name, found in IMPORTS.items()}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_down(module: str) -> None:
    told = {imported: why for imported in GRAPH[module] if (why := wrong(module, imported))}
    assert not told


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("portal.model", "portal.store.links"),
        ("portal.store.links", "portal.bitrix.users"),
        ("portal.bitrix.users", "portal.store.links"),
        ("portal.store.links", "portal.helpdesk.client"),
        ("portal.helpdesk.cache", "portal.service.requests"),
        ("portal.service.requests", "portal.web.pages"),
        ("portal.web.pages", "portal.app"),
        ("portal.web.pages", "portal.sandbox.shop"),
        ("portal.sandbox.shop", "portal.bitrix.php"),
        ("portal.sandbox.helpdesk.v2", "portal.model"),
        ("portal.web.pages", "portal.something_new"),
    ],
)
def test_an_import_that_points_up_is_found(module: str, imported: str) -> None:
    """The positive control."""
    assert wrong(module, imported)


def test_imports_are_found_wherever_they_stand() -> None:
    source = "import portal.web\nfrom portal.web import pages, Thing\ndef f():\n    from portal import app\nimport os\n"
    assert imports(source, {"portal.web.pages", "portal.app"}) == {
        "os",
        "portal.web",
        "portal.web.pages",
        "portal.app",
    }


def test_no_circle() -> None:
    """Raises CycleError with the circle when there is one."""
    tuple(graphlib.TopologicalSorter({name: found - {name} for name, found in GRAPH.items()}).static_order())


def test_one_module_imports_httpx() -> None:
    users = {name for name, found in IMPORTS.items() if any(one.split(".")[0] == "httpx" for one in found)}
    assert users == {"portal.http"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_is_too_long_to_read(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 300
