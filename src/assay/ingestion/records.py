"""JSONL sources: a document a line, ``{"id", "title"?, "text", "access"?, "metadata"?}``."""

from __future__ import annotations

import json
import math
import re
import stat
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from assay.documents import Scalar
from assay.errors import SourceError
from assay.ingestion.media import PLAIN
from assay.ingestion.sources import NO_FILE, Found, Item, Record, Source, Unreadable, fingerprint

_KEYS = frozenset({"id", "title", "text", "access", "metadata"})
_ID = re.compile(rb'"id"\s*:\s*(?:"((?:[^"\\]|\\.)*)"|(-?\d+))')


def walk_records(source: Source, path: Path, uri: str) -> Iterator[Found]:
    """The documents of one JSONL file; each bad line is unreadable and names its number.

    Reads line by line, so that the file may be larger than memory.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            yield Unreadable(uri, NO_FILE, source.name, covers=source.prefix, whole=True)
            return
        with path.open("rb") as lines:
            number = 0
            while line := lines.readline(source.max_bytes + 1):
                number += 1
                place = f"{uri}:{number}"
                if len(line) > source.max_bytes:
                    yield _too_long(source, line, place)
                    _skip_line(lines, line)
                    continue
                line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                if line.strip():
                    yield _item(source, line, place)
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
        yield Unreadable(uri, reason, source.name, covers=source.prefix, whole=True)


def _item(source: Source, line: bytes, place: str) -> Item | Unreadable:
    try:
        values = _values(line)
        name = source.prefix + _name(values)
        record = Record(_text(values, "title", ""), _text(values, "text", None), _access(values), _metadata(values))
    except SourceError as error:
        return Unreadable(place, str(error), source.name, covers=_salvaged(source, line))
    return Item(name, place, source, PLAIN, record, fingerprint(line.rstrip(b"\r\n"), source, PLAIN))


def _values(line: bytes) -> dict[str, Any]:
    try:
        values = json.loads(line.decode("utf-8"), parse_constant=_not_json)
    except UnicodeDecodeError as error:
        raise SourceError(f"is not UTF-8 at byte {error.start + 1} of the line") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"is not valid JSON: {error}") from error
    if not isinstance(values, dict):
        raise SourceError('is not an object {"id", "text", …}')
    for key in values.keys() - _KEYS:
        # Other keys are left alone, but a misspelt "access" would show a document to everyone.
        if key.lower().strip() in _KEYS or get_close_matches(key, ["access"], cutoff=0.83):
            raise SourceError(f"has the key {key!r}: is one of {', '.join(sorted(_KEYS))} meant?")
    return values


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _name(values: Mapping[str, Any]) -> str:
    name = values.get("id")
    if isinstance(name, int) and not isinstance(name, bool):
        return str(name)
    if not isinstance(name, str) or not name.strip():
        raise SourceError('needs an "id": a string that is not empty')
    return _clean(name)


def _text(values: Mapping[str, Any], key: str, default: str | None) -> str:
    text = values.get(key)
    text = default if text is None else text
    if not isinstance(text, str):
        raise SourceError(f'needs a "{key}" that is a string')
    return _clean(text)


def _clean(text: str) -> str:
    """Lone surrogates and NUL, which no store or tokenizer takes, as U+FFFD: positions stay the same."""
    if text.isascii() and "\0" not in text:
        return text
    return re.sub("[\ud800-\udfff\0]", "\ufffd", text)


def _access(values: Mapping[str, Any]) -> tuple[str, ...] | None:
    groups = values.get("access")
    if groups is None:
        return None
    if not isinstance(groups, list) or not groups or not all(isinstance(g, str) and g for g in groups):
        raise SourceError('has an "access" that is not a list of one or more group names')
    return tuple(sorted({_clean(group) for group in groups}))


def _metadata(values: Mapping[str, Any]) -> dict[str, Scalar]:
    metadata = values.get("metadata")
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        raise SourceError('has a "metadata" that is not an object')
    kept: dict[str, Scalar] = {}
    for key, value in metadata.items():
        if value is None:
            continue
        if not isinstance(value, str | int | float | bool):
            raise SourceError(f"has metadata {key!r} that is neither text, number nor true/false")
        if isinstance(value, float) and not math.isfinite(value):
            raise SourceError(f"has metadata {key!r} that is out of range")
        kept[_clean(key)] = _clean(value) if isinstance(value, str) else value
    return kept


def _salvaged(source: Source, line: bytes) -> str | None:
    """The id that a broken line most likely has, so that what was indexed of it is not taken for deleted."""
    found = _ID.search(line)
    if not found:
        return None
    try:
        text = json.loads(b'"%s"' % found[1]) if found[1] is not None else found[2].decode()
    except ValueError:
        return None
    return source.prefix + _clean(text)


def _too_long(source: Source, line: bytes, place: str) -> Unreadable:
    reason = (
        f"is longer than the {source.max_bytes / 1e6:,.0f} MB that source {source.name!r} allows for a document; "
        "raise its max_bytes"
    )
    return Unreadable(place, reason, source.name, covers=_salvaged(source, line[:4096]))


def _skip_line(lines: Any, begun: bytes) -> None:
    while begun and not begun.endswith(b"\n"):
        begun = lines.readline(1 << 20)
