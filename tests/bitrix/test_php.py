from __future__ import annotations

import contextlib
import itertools
import json
import math
import shutil
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from portal.bitrix import php, session_facts
from portal.bitrix.session_stores import Files
from tests.bitrix import world

COUNT = 1000
SEED = 20261123
PHP = shutil.which("php")


@pytest.fixture(scope="session")
def written_by_php(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """1,000 random sessions on disk, with PHP's own reading of each."""
    assert PHP, "php is not installed: run `make test`, which says how"
    folder = tmp_path_factory.mktemp("php")
    script = Path(__file__).with_name("random_sessions.php")
    subprocess.run([PHP, script, folder, str(SEED), str(COUNT)], check=True)
    sessions: list[dict[str, Any]] = json.loads((folder / "expected.json").read_bytes())
    assert len(sessions) == COUNT
    return sessions


def told(value: Any, path: tuple[int, ...] = ()) -> list[Any]:
    """A value in the words of random_sessions.php."""
    if value is None:
        return ["n"]
    if isinstance(value, bool):
        return ["b", value]
    if isinstance(value, int):
        return ["i", str(value)]
    if isinstance(value, float):
        return ["d", "nan" if math.isnan(value) else struct.pack(">d", value).hex()]
    if isinstance(value, bytes):
        return ["s", value.hex()]
    if isinstance(value, dict):
        return ["a", [[told(key), told(item, path)] for key, item in value.items()]]
    assert isinstance(value, php.PhpObject)
    if value.class_name == b"Old":
        return ["c", value.class_name.hex(), value.data.hex()]
    if id(value) in path:
        return ["cycle", path.index(id(value))]
    fields = [
        [(key if isinstance(key, bytes) else str(key).encode()).hex(), told(item, (*path, id(value)))]
        for key, item in value.fields.items()
    ]
    return ["o", value.class_name.hex(), fields]


def test_a_thousand_random_sessions_read_as_php_reads_them(written_by_php: list[dict[str, Any]]) -> None:
    kinds = set()
    for expected in written_by_php:
        data = Files.parse(f"files://{expected['save_path']}").load(None, expected["id"], False)  # type: ignore[arg-type]
        assert data is not None
        read = php.decode_session(data)
        assert ["a", [[["s", name.encode().hex()], told(item)] for name, item in read.items()]] == expected[
            "session"
        ], expected["id"]
        kinds |= {
            kind
            for kind in (b"R:", b"r:", b"O:", b"C:", b"E:", b"d:-INF", b"d:NAN", b"\0Base\0hidden", b"\0*\0guarded")
            if kind in data
        }
    assert len(kinds) == 9, "the random sessions must hold what makes reading hard"


def test_who_is_signed_in_is_told_alike(written_by_php: list[dict[str, Any]]) -> None:
    signed_in = 0
    for expected in written_by_php:
        data = Files.parse(f"files://{expected['save_path']}").load(None, expected["id"], False)  # type: ignore[arg-type]
        variables = {bytes.fromhex(key[1]): value for key, value in expected["session"][1]}
        auth = {bytes.fromhex(key[1]): value for key, value in variables.get(b"SESS_AUTH", ["a", []])[1]}
        user_id = int(bytes.fromhex(auth[b"USER_ID"][1])) if auth else 0
        assert session_facts.read(data or b"").user_id == user_id
        signed_in += user_id > 0
    assert COUNT / 2 < signed_in < COUNT


def test_sessions_of_the_three_handlers_are_told_apart(written_by_php: list[dict[str, Any]]) -> None:
    assert {each["handler"] for each in written_by_php} == {"php", "php_serialize", "php_binary"}
    assert any(each["save_path"].startswith("2;") for each in written_by_php)


def test_our_writer_of_test_sessions_writes_as_php_does() -> None:
    code = "echo serialize(['a' => 1, 'б' => [null, true, false, -7, 0.5, \"x\\\"y\"], 5 => ['k' => '']]);"
    assert PHP
    by_php = subprocess.run([PHP, "-r", code], check=True, capture_output=True).stdout
    assert world.serialize({"a": 1, "б": [None, True, False, -7, 0.5, 'x"y'], 5: {"k": ""}}) == by_php


@pytest.mark.parametrize(
    "data",
    [
        b"", b"N", b"N;N;", b"i:1", b"i:;", b"i: 1;", b"i:1_0;", b"i:9223372036854775808;", b"b:2;", b"d:1e;", b"d:0x1p3;", b"d:inf;",
        b's:3:"ab";', b's:2:"abc";', b's:2:"ab"x', b"s:2:\"ab';", b's:-1:"";', b's:+1:"a";', b"s:1:'a';", b'a:1:{i:0;i:1;', b"a:2:{i:0;i:1;}", b"a:0:{i:0;i:1;}",
        b"a:-1:{}", b"a:1:{N;i:1;}", b"a:1:{d:1.0;i:1;}", b"a:1:{a:0:{}i:1;}", b"R:1;", b"r:1;", b"R:0;", b"a:1:{i:0;R:3;}",
        b'O:3:"a b":0:{}', b'O:1:"A":1:{}', b'O:2:"A":0:{}', b'C:1:"A":5:{abc}', b'E:3:"A:B"', b'E:2:"AB";', b'o:0:{}', b'S:1:"\\61";',
        b"x:1;", b"\0", b"a:1:{i:0;i:1;}}",
    ],
)  # fmt: skip
def test_what_php_does_not_write_is_malformed(data: bytes) -> None:
    with pytest.raises(php.Malformed):
        php.unserialize(data)


@pytest.mark.parametrize(
    "data", [b"x", b"x|", b"x|i:1", b"x|i:1;y", b"x|i:1;|", b"\x01x", b"\x01xi:1;\x05y", b"a:1:{i:0;i:1;}x|i:2;"]
)
def test_a_broken_session_is_malformed_as_a_whole(data: bytes) -> None:
    with pytest.raises(php.Malformed):
        php.decode_session(data)


def test_an_empty_session_has_nothing_in_it() -> None:
    assert php.decode_session(b"") == {}


def test_a_text_in_a_binary_session_cannot_pass_for_a_session_of_its_own() -> None:
    # Behind the bar stands a whole session in the words of the handler `php`, up to the last byte.
    hostile = b'x|a:1:{s:1:"a";s:1:"b";}SESS_AUTH|i:1;z|s:0:"'
    data = world.session("php_binary", first=1, comment=hostile)
    assert php.decode_session(data) == {"first": 1, "comment": hostile}
    assert "SESS_AUTH" in php._decode_php(data), "read with the wrong handler it would"


def test_references_count_through_all_variables_of_a_session() -> None:
    assert php.decode_session(b'a|a:1:{i:0;s:3:"one";}b|s:3:"two";c|R:2;d|R:3;') == {
        "a": {0: b"one"},
        "b": b"two",
        "c": b"one",
        "d": b"two",
    }


def test_a_reference_behind_a_serializable_object_is_unknown_and_never_a_guess() -> None:
    read = php.decode_session(b'a|i:7;b|C:1:"A":4:{xxxx}c|i:8;d|R:1;e|R:3;f|R:9;')
    assert (read["d"], read["e"], read["f"]) == (7, php.UNKNOWN, php.UNKNOWN)


def test_numeric_strings_are_integers_as_keys_of_arrays_and_stay_strings_in_objects() -> None:
    assert php.unserialize(b'a:3:{s:1:"7";N;s:2:"07";N;s:19:"9223372036854775808";N;}') == {
        7: None,
        b"07": None,
        b"9223372036854775808": None,
    }
    made = php.unserialize(b'O:1:"A":1:{s:1:"7";N;}')
    assert isinstance(made, php.PhpObject)
    assert made.fields == {b"7": None}


BOMBS = {
    "depth": b"x|" + b"a:1:{i:0;" * 1_000_000,
    "closed depth": b"x|" + b"a:1:{i:0;" * 200_000 + b"N;" + b"}" * 200_000,
    "object depth": b"x|" + b'O:1:"A":1:{i:0;' * 500_000,
    "huge count": b"x|a:999999999:{" + b"i:0;N;" * 1000 + b"}",
    "count of twenty digits": b"x|a:99999999999999999999:{}",
    "long number": b"x|i:" + b"9" * 1_000_000 + b";",
    "long float": b"x|d:" + b"9" * 1_000_000 + b";",
    "long string": b'x|s:10000000:"' + b"z" * 10_000_000 + b'";',
    "string that lies": b'x|s:99999999:"' + b"z" * 10_000_000 + b'";',
    "bars": b"|" * 1_000_000,
    "names without end": b"x" * 5_000_000,
    "half a reference": b"x|" + b"R:" * 1_000_000,
    "references to references": b"x|a:100000:{i:0;a:0:{}"
    + b"".join(b"i:%d;R:2;" % n for n in range(1, 100_000))
    + b"}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_no_more_than_its_size(name: str) -> None:
    began = time.process_time()
    with contextlib.suppress(php.Malformed):
        php.decode_session(BOMBS[name])
    assert time.process_time() - began < 2.0


def test_time_grows_with_the_length_and_not_with_its_square() -> None:
    def cost(count: int) -> float:
        data = world.session(v={f"key{n}": [n, "text", None] for n in range(count)})
        return min(_seconds(data) for _ in range(3))

    assert cost(16_000) < 16 * 3 * cost(1_000)


def _seconds(data: bytes) -> float:
    began = time.process_time()
    php.decode_session(data)
    return time.process_time() - began


def test_depth_ends_where_php_ends_it() -> None:
    def nested(depth: int) -> bytes:
        return b"a:1:{i:0;" * depth + b"N;" + b"}" * depth

    assert php.unserialize(nested(php.MAX_DEPTH))
    with pytest.raises(php.Malformed):
        php.unserialize(nested(php.MAX_DEPTH + 1))
    assert PHP
    for depth, fine in ((php.MAX_DEPTH, "array"), (php.MAX_DEPTH + 1, "boolean")):
        code = "echo gettype(@unserialize(stream_get_contents(STDIN)));"
        assert (
            subprocess.run([PHP, "-r", code], input=nested(depth), check=True, capture_output=True).stdout.decode()
            == fine
        )


@pytest.mark.parametrize(
    ("value", "number", "words"),
    [(7, 7, "7"), (b"7", 7, "7"), (b" 7 ", 7, " 7 "), (b"7x", 0, "7x"), (b"", 0, ""), (None, 0, ""), (7.9, 7, ""), (math.inf, 0, ""), ({}, 0, ""), (b"\xff", 0, "\udcff"), (True, 1, "")],
)  # fmt: skip
def test_values_are_taken_as_numbers_and_words(value: object, number: int, words: str) -> None:
    assert (php.whole(value), php.text(value)) == (number, words)


def test_mutants_of_real_sessions_are_read_or_malformed_and_nothing_else(written_by_php: list[dict[str, Any]]) -> None:
    for index, expected in zip(range(0, 100_000, 97), itertools.cycle(written_by_php), strict=False):
        data = bytearray(Files.parse(f"files://{expected['save_path']}").load(None, expected["id"], False) or b"?")  # type: ignore[arg-type]
        data[index % len(data)] ^= 1 << (index % 8)
        with contextlib.suppress(php.Malformed):
            php.decode_session(bytes(data))
