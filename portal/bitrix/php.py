"""PHP's serialized values and session strings, read without ever making an object of theirs.

Written from the behaviour of PHP 8.2: strings are byte strings, arrays are dicts with int or bytes keys in PHP's order,
objects of any class are inert `PhpObject`s. Stricter than PHP in one way: what PHP would repair (numbers out of range)
or overlook (bytes after the value) is Malformed here.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import NoReturn

MAX_DEPTH = 4096
"""PHP's own unserialize_max_depth."""

INTEGERS = range(-(2**63), 2**63)

Key = int | bytes
Array = dict[Key, object]


class Malformed(Exception):
    """These bytes are not what PHP writes."""


@dataclass(slots=True)
class PhpObject:
    """An object that stays what it was on the wire; an enum's case has the class name `Class:Case`.

    `fields` keeps PHP's mangled names (`\\0Class\\0private`, `\\0*\\0protected`); `data` is what a class that is
    Serializable wrote.
    """

    class_name: bytes
    fields: Array = field(default_factory=dict)
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A reference that points behind a Serializable object: only its class knows how many values are in it."""


UNKNOWN = Unknown()

_STRING, _INTEGER, _ARRAY, _BOOLEAN, _NULL, _FLOAT, _REFERENCE, _OBJECT = range(1, 9)
_token = re.compile(
    rb's:(\d{1,20}):"|i:([+-]?\d{1,20});|a:(\d{1,20}):\{|b:([01]);|(N);'
    rb"|d:(NAN|-?INF|[+-]?(?:\d{1,400}+(?:\.\d{0,400}+)?|\.\d{1,400}+)(?:[eE][+-]?\d{1,5})?);"
    rb'|[rR]:(\d{1,20});|[OCE]:(\d{1,20}):"'
).match
_key = re.compile(rb'i:([+-]?\d{1,20});|s:(\d{1,20}):"').match
_size = re.compile(rb'":(\d{1,20}):\{').match
_class_name = re.compile(rb"[0-9A-Za-z_\\\x7f-\xff]+").fullmatch
_case_name = re.compile(rb"[0-9A-Za-z_\\\x7f-\xff]+:[0-9A-Za-z_\x7f-\xff]+").fullmatch
_number_key = re.compile(rb"0|-?[1-9]\d{0,18}").fullmatch


def unserialize(data: bytes) -> object:
    """One value as `serialize()` wrote it. Raises Malformed."""
    value, end = _Reader(data).read(0)
    if end != len(data):
        _malformed(end)
    return value


_serialized = re.compile(rb"a:\d+:\{").match
_value_begins = re.compile(rb"[abdisOCE]:|N;").match


def decode_session(data: bytes) -> dict[str, object]:
    """The variables of a session, whichever of PHP's handlers wrote it: php, php_serialize or php_binary.

    The handler is told by the first bytes alone and nothing else is tried after it: otherwise a text that somebody put
    into his session could be read as a session of its own. Raises Malformed.
    """
    if not data:
        return {}
    if _serialized(data):
        value = unserialize(data)
        return {_name(key): item for key, item in value.items()} if isinstance(value, dict) else _malformed(0)
    length = data[0]
    binary = length < 0x80 and b"|" not in data[1 : 1 + length] and _value_begins(data, 1 + length)
    return _decode_binary(data) if binary else _decode_php(data)


def _decode_php(data: bytes) -> dict[str, object]:
    """`name|value` without any separator; back references count through all the values."""
    reader, found, at = _Reader(data), dict[str, object](), 0
    while at < len(data):
        bar = data.find(b"|", at)
        if bar < 0:
            _malformed(at)
        name = _name(data[at:bar])
        found[name], at = reader.read(bar + 1)
    return found


def _decode_binary(data: bytes) -> dict[str, object]:
    """One byte with the length of the name, the name, the value."""
    reader, found, at = _Reader(data), dict[str, object](), 0
    while at < len(data):
        begin, length = at + 1, data[at]
        if length > 0x7F or begin + length >= len(data):
            _malformed(at)
        name = _name(data[begin : begin + length])
        found[name], at = reader.read(begin + length)
    return found


class _Reader:
    """Reads values one after another; remembers each of them for PHP's back references."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._slots: list[object] = []
        self._opaque_from: int | None = None

    def read(self, at: int) -> tuple[object, int]:  # noqa: PLR0912, PLR0915  # a call a value would double its time
        """The value that begins at `at`, and where it ends. No recursion: depth costs memory, not the stack."""
        data, slots = self._data, self._slots
        around: list[tuple[Array | None, int, bool]] = []
        inside: Array | None = None
        left, in_array = 0, False
        key: Key = 0
        root: object = None
        while True:
            token = _token(data, at)
            if token is None:
                _malformed(at)
            opened: Array | None = None
            count, begin, at = 0, at, token.end()
            kind = token.lastindex
            value: object
            if kind == _STRING:
                value, at = self._bytes(int(token[1]), at)
            elif kind == _INTEGER:
                value = self._integer(token[2], begin)
            elif kind == _ARRAY:
                value = opened = {}
                count = int(token[3])
            elif kind == _BOOLEAN:
                value = token[4] == b"1"
            elif kind == _NULL:
                value = None
            elif kind == _FLOAT:
                value = float(token[6])
            elif kind == _REFERENCE:
                value = self._slot(int(token[7]), begin)
            else:
                value, opened, count, at = self._object(data[begin : begin + 1], int(token[8]), at)
            if data[begin] != 0x52:  # R: is the very value it points to and gets no place of its own
                slots.append(value)
            if inside is None:
                root = value
            else:
                inside[key] = value
            if opened is not None:
                if len(around) >= MAX_DEPTH:
                    _malformed(begin)
                around.append((inside, left, in_array))
                inside, left, in_array = opened, count, kind == _ARRAY
            while inside is not None and left == 0:
                if data[at : at + 1] != b"}":
                    _malformed(at)
                at += 1
                inside, left, in_array = around.pop()
            if inside is None:
                return root, at
            left -= 1
            key, at = self._key(at, in_array)

    def _key(self, at: int, in_array: bool) -> tuple[Key, int]:
        token = _key(self._data, at)
        if token is None:
            _malformed(at)
        if token.lastindex == 1:
            return self._integer(token[1], at), token.end()
        name, end = self._bytes(int(token[2]), token.end())
        if in_array and _number_key(name) and int(name) in INTEGERS:
            return int(name), end
        return name, end

    def _bytes(self, length: int, at: int) -> tuple[bytes, int]:
        end = at + length
        if self._data[end : end + 2] != b'";':
            _malformed(at)
        return self._data[at:end], end + 2

    def _integer(self, digits: bytes, at: int) -> int:
        number = int(digits)
        return number if number in INTEGERS else _malformed(at)

    def _slot(self, number: int, at: int) -> object:
        if not 0 < number <= len(self._slots):
            if self._opaque_from is None:
                _malformed(at)
            return UNKNOWN
        if self._opaque_from is not None and number > self._opaque_from:
            return UNKNOWN
        return self._slots[number - 1]

    def _object(self, kind: bytes, length: int, at: int) -> tuple[PhpObject, Array | None, int, int]:
        """An object: itself, its fields when they follow, how many, and where to go on."""
        name, end = self._data[at : at + length], at + length
        if kind == b"E":
            if not _case_name(name) or self._data[end : end + 2] != b'";':
                _malformed(at)
            return PhpObject(name), None, 0, end + 2
        size = _size(self._data, end)
        if size is None or not _class_name(name):
            _malformed(at)
        if kind == b"O":
            made = PhpObject(name)
            return made, made.fields, int(size[1]), size.end()
        if self._opaque_from is None:
            self._opaque_from = len(self._slots) + 1
        end = size.end() + int(size[1])
        if self._data[end : end + 1] != b"}":
            _malformed(at)
        return PhpObject(name, data=self._data[size.end() : end]), None, 0, end + 1


def text(value: object) -> str:
    """A string of PHP's, or a number, as text; "" for all else. Bytes that are not UTF-8 stay as surrogates."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def whole(value: object) -> int:
    """An integer, or a string or float that is one; 0 for all else, as PHP's (int) says of what is not a number."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return int(value) if math.isfinite(value) else 0
    if isinstance(value, bytes) and re.fullmatch(rb"\s*[+-]?\d{1,18}\s*", value):
        return int(value)
    return 0


def _name(key: Key) -> str:
    return key.decode("utf-8", "surrogateescape") if isinstance(key, bytes) else str(key)


def _malformed(at: int) -> NoReturn:
    raise Malformed(f"at byte {at}")
