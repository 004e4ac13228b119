from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from portal.bitrix import cookies

ROUTER = """<?php
header('Content-Type: application/json');
$told = [];
foreach ($_COOKIE as $name => $value) { if (is_string($value)) { $told[] = [bin2hex((string) $name), bin2hex($value)]; } }
echo json_encode($told);
"""


class Php:
    """PHP's own web server: tells what is in $_COOKIE."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("php")
        assert program, "php is not installed: run `make test`, which says how"
        (folder / "router.php").write_text(ROUTER)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [program, "-n", "-d", "display_errors=0", "-S", f"127.0.0.1:{self.port}", folder / "router.php"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def cookies(self, header: str) -> dict[str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.putrequest("GET", "/")
        connection.putheader("Cookie", header.encode("latin-1"))
        connection.endheaders()
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return {_text(name): _text(value) for name, value in answer}


def _text(digits: str) -> str:
    return bytes.fromhex(digits).decode("utf-8", "surrogateescape")


@pytest.fixture(scope="module")
def real_php(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Php]:
    php = Php(tmp_path_factory.mktemp("cookies"))
    yield php
    php.process.terminate()
    php.process.wait()


def _spelled(raw: bytes) -> str:
    # PHP's server trims the header as a whole, and ends it at NUL, CR and LF; so does every other.
    return raw.decode("latin-1").strip(" \t")


NAMES = st.sampled_from(
    [
        "PHPSESSID",
        "PHPSESSID[a]",
        "BITRIX_SM_UIDH",
        "a.b",
        "a b",
        "a_b",
        "a[b",
        "a[",
        "[x]",
        " x",
        "x]",
        "..Host-x",
        "__Host-x",
        "1",
        "ключ",
    ]
)
PAIRS = st.tuples(
    NAMES,
    st.sampled_from(["=", "", "=="]),
    st.sampled_from(["", "x", "a+b", "%41%zz%", "%C3%A9", "%00", " y ", '"q"', "a=b", "é"]),
)
LIKELY = st.lists(PAIRS, max_size=6).map(lambda pairs: "; ".join("".join(pair) for pair in pairs).encode())
BYTES = st.lists(
    st.sampled_from(
        [bytes([byte]) for byte in (*range(0x20, 0x7F), 0x09, 0x80, 0xC3, 0xA9, 0xFF)] + [b"; ", b"=", b"%2", b"[]"]
    ),
    max_size=40,
).map(b"".join)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LIKELY | BYTES)
@example(b"a=1; a=2")
@example(b"a[x]=1; a=2")
@example(b"a=1; a[x]=2; a=3")
@example(b"a[b.c=1; a_b_c=2")
@example(b"a.b[c=1")
@example(b"__Host-a=1; ..Host-a=2; _.Secure-b=3; __Secure-b=4")
@example(b"a=1;;b=2; =3; c; d=;e==f")
@example(b"a%62=1")
def test_cookies_are_read_as_php_reads_them(real_php: Php, raw: bytes) -> None:
    header = _spelled(raw)
    assert cookies.parse(header) == real_php.cookies(header)


def test_php_looks_at_a_thousand_cookies_and_so_do_we(real_php: Php) -> None:
    header = ";".join(f"c{n}=1" for n in range(1005))
    assert cookies.parse(header) == real_php.cookies(header)
    assert len(cookies.parse(header)) == cookies.MAX_COOKIES


def test_the_first_of_a_name_wins_and_a_plus_stays() -> None:
    assert cookies.parse("PHPSESSID=one; PHPSESSID=two; x=a+b%2B") == {"PHPSESSID": "one", "x": "a+b+"}


def test_a_header_of_a_megabyte_costs_little() -> None:
    began = time.process_time()
    for header in (
        "a" * 1_000_000,
        ";" * 1_000_000,
        "[" * 1_000_000,
        "%" * 1_000_000,
        "a=1;" * 250_000,
        "a[" * 500_000,
    ):
        cookies.parse(header)
    assert time.process_time() - began < 2
