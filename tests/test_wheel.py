"""The wheel, built and installed as a stranger would, runs from any directory: templates and static are inside it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package alone; what it depends on comes from the environment of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    run(
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--target",
        str(folder),
        str(wheel),
    )
    return folder


def run(*command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def python(installed: Path, code: str, cwd: Path) -> str:
    """Run code that sees the installed package and not the checkout."""
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    # -S: without the .pth file that an editable install leaves there, which points at the checkout.
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{installed}:{packages}",
        "PORTAL_PUBLIC_URL": "https://shop.example",
    }
    return run(sys.executable, "-S", "-c", code, cwd=cwd, env=env)


def files_of(folder: str) -> set[str]:
    root = ROOT / folder
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def test_it_holds_templates_static_migrations_and_languages(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("templates", "static"):
        assert {f"portal/_assets/{folder}/{name}" for name in files_of(folder)} <= names
    assert {f"portal/{name}" for name in files_of("portal")} <= names


def test_it_holds_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"portal"}


def test_the_command_answers_from_any_directory(installed: Path, tmp_path: Path) -> None:
    told = python(
        installed, "import sys; sys.argv = ['portal', '--help']; from portal.cli import main; main()", tmp_path
    )
    assert "demo" in told and "serve" in told


def test_it_is_the_installed_package_that_runs(installed: Path, tmp_path: Path) -> None:
    assert python(installed, "import portal; print(portal.__file__)", tmp_path).startswith(str(installed))


def test_a_snippet_is_rendered_from_the_installed_templates(installed: Path, tmp_path: Path) -> None:
    code = "import sys; sys.argv = ['portal', 'snippet', 'nginx']; from portal.cli import main; main()"
    assert "location ^~ /personal/requests/" in python(installed, code, tmp_path)


def test_the_pages_find_their_files(installed: Path, tmp_path: Path) -> None:
    code = (
        "from portal import assets\n"
        "from portal.store.migrate import _files\n"
        "from portal.web.statics import Statics\n"
        "print(assets.folder('templates'), assets.folder('static'), len(_files()))\n"
        "print(Statics(assets.folder('static'), '/personal/requests').url('app.css'))\n"
    )
    told = python(installed, code, tmp_path)
    assert told.startswith(f"{installed}/portal/_assets/templates {installed}/portal/_assets/static ")
    assert "/personal/requests/static/app." in told
