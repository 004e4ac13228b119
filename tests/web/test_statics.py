"""Static files."""

import gzip
from pathlib import Path

import pytest

from portal import assets
from portal.web.statics import Statics


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.css").write_text("a { color: red }\n" * 50)
    (tmp_path / "dot.svg").write_text("<svg/>")
    return tmp_path


def test_a_files_name_changes_with_its_content_and_with_nothing_else(folder: Path) -> None:
    before = Statics(folder, "/p").url("app.css")
    assert Statics(folder, "/p").url("app.css") == before
    (folder / "app.css").write_text("b {}")
    assert Statics(folder, "/p").url("app.css") != before


def test_a_file_is_served_under_its_hashed_name_alone(folder: Path) -> None:
    statics = Statics(folder, "/p")
    prefix, _, name = statics.url("app.css").rpartition("/")
    found = statics.get(name)
    assert prefix == "/p/static"
    assert found and found.body == (folder / "app.css").read_bytes()
    assert (found.content_type, found.encoding) == ("text/css; charset=utf-8", "")
    for other in ("app.css", "", "..", "../app.css", name + "x", name.upper()):
        assert statics.get(other) is None


def test_a_file_is_compressed_where_that_is_wished_and_saves_something(folder: Path) -> None:
    statics = Statics(folder, "")
    small = statics.get(statics.url("app.css").rpartition("/")[2], gzip=True)
    tiny = statics.get(statics.url("dot.svg").rpartition("/")[2], gzip=True)
    assert small and small.encoding == "gzip"
    assert gzip.decompress(small.body) == (folder / "app.css").read_bytes()
    assert tiny and tiny.encoding == "" and tiny.body == b"<svg/>"


def test_a_file_of_an_unknown_type_stops_the_start(folder: Path) -> None:
    (folder / "notes.docx").write_text("x")
    with pytest.raises(KeyError):
        Statics(folder, "")


def test_our_own_files_are_all_servable() -> None:
    statics = Statics(assets.folder("static"), "/p")
    assert {"app", "icons.svg"} <= {path.name for path in assets.folder("static").iterdir()}
    assert statics.url("app.css").startswith("/p/static/app.")
    assert statics.url("app.js").startswith("/p/static/app.")


def test_a_folders_parts_are_one_file_of_each_type_the_base_first(folder: Path) -> None:
    parts = folder / "all"
    parts.mkdir()
    for name in ("b.css", "a.css", "base.css", "c.js", ".swp"):
        (parts / name).write_text(name)
    statics = Statics(folder, "")
    bodies = [statics.get(statics.url(name).rpartition("/")[2]) for name in ("all.css", "all.js")]
    assert [found and found.body for found in bodies] == [b"base.css\na.css\nb.css", b"c.js"]


def test_the_shops_own_sheet_is_the_end_of_ours(tmp_path: Path) -> None:
    (tmp_path / "ours" / "app").mkdir(parents=True)
    (tmp_path / "ours" / "app" / "base.css").write_text("a { color: red }")
    (tmp_path / "ours" / "panel.css").write_text("b {}")
    before = Statics(tmp_path / "ours", "", str(tmp_path))
    (tmp_path / "shop.css").write_text(".portal { --accent: tan }")
    after = Statics(tmp_path / "ours", "", str(tmp_path))
    assert after.text("app.css") == "a { color: red }\n.portal { --accent: tan }" and "tan" not in before.text(
        "app.css"
    )
    assert after.url("app.css") != before.url("app.css") and after.url("panel.css") == before.url("panel.css")
