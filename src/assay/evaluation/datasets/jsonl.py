"""JSON lines, read strictly: every mistake is named by file and line, and none is guessed away."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from assay.errors import InputError

LONGEST = 16_000_000
"""Bytes of one line. A longer one is another format, or a mistake, and would fill the memory."""
DEEPEST = 60
"""Levels of nesting."""

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class JsonLine:
    """One object of a file; ``place`` is ``file:line`` as the user named the file."""

    place: str
    number: int
    value: dict[str, Any]


def read_lines(path: Path) -> Iterator[JsonLine]:
    """The objects of a file in order, blank lines left out; ``number`` counts from 1.

    Lines end with a line feed alone, or after a carriage return: JSON may hold all other separators
    unescaped. A byte order mark is skipped. Raises InputError for a file that cannot be read or is not UTF-8,
    and for a line that is no JSON object, is longer than LONGEST, nests deeper than DEEPEST, or holds a
    key twice, NaN, infinity or half a surrogate pair.
    """
    try:
        with path.open("rb") as lines:
            number = 0
            while data := lines.readline(LONGEST + 1):
                number += 1
                place = f"{path}:{number}"
                if len(data) > LONGEST:
                    raise InputError(f"{place}: the line has more than {LONGEST:,} bytes; write one object a line")
                text = _decoded(data, place, first=number == 1)
                if text.strip():
                    yield JsonLine(place, number, parse_object(text, place))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def parse_object(text: str, place: str) -> dict[str, Any]:
    """The JSON object that a text is. Raises InputError, as ``read_lines``."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(found)
        if len(value) < len(found):
            seen: set[str] = set()
            twice = next(key for key, _ in found if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise InputError(f'{place}: the key "{twice}" stands twice in one object; keep one')
        return value

    def constant(name: str) -> NoReturn:
        raise InputError(f"{place}: {name} is not JSON; write null, or leave the key out")

    def number(digits: str) -> float:
        value = float(digits)
        return value if math.isfinite(value) else constant(digits)

    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=constant, parse_float=number)
    except json.JSONDecodeError as error:
        raise InputError(f"{place}: not JSON: {error.msg} at character {error.pos + 1}{_hint(text, error)}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{place}: an object such as {{…}} is expected, not {shown(value)}")
    _check(value, place)
    return value


def shown(value: object) -> str:
    """A JSON value in an error's words."""
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 60 else f'"{value[:57]}…"'
    return ("an object" if value else "an empty object") if isinstance(value, dict) else _list(value)


def _list(value: object) -> str:
    return "a list" if value else "an empty list"


def _decoded(data: bytes, place: str, *, first: bool) -> str:
    if first:
        if data.startswith(_UTF16):
            raise InputError(f"{place}: the file is UTF-16; save it as UTF-8")
        data = data.removeprefix(_BOM)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: byte {error.start + 1} is not UTF-8; convert the file") from error


def _hint(text: str, error: json.JSONDecodeError) -> str:
    if error.msg == "Extra data":
        return "; write one object a line"
    if text.strip() in ("[", "{"):
        return "; JSON lines hold each object on one line: `jq -c '.[]' FILE` makes them of a list"
    return ""


def _check(value: Any, place: str) -> None:
    """Refuse what could be read but not be kept: UTF-8 cannot say half a surrogate pair."""
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                inner.extend(each)
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
            elif isinstance(each, str) and any("\ud800" <= character <= "\udfff" for character in each):
                raise InputError(f"{place}: half a surrogate pair (\\ud800 to \\udfff) is no character; remove it")
        if not inner:
            return
        level = inner
    raise InputError(f"{place}: nested deeper than {DEEPEST} levels")
