"""Dataclasses as JSON-like values and back, by their type hints: strict, and with the place in every error.

Knows text, numbers, truth values, None, ``Any`` (JSON), literals, ``tuple[X, ...]``, ``Mapping[str, X]``,
dataclasses and unions of them. A field that has its default is left out. A member of a union is an object
with one key, its class in lower case: ``{"answered": {…}}``; with a single field, ``{"scored": 0.5}``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NewType, TypeAlias, Union, get_args, get_origin, get_type_hints

from assay.errors import InputError

Encode: TypeAlias = Callable[[Any], Any]
Decode: TypeAlias = Callable[[Any], Any]


def encode(value: object, kind: Any) -> Any:
    """``value``, of type ``kind``, as what ``json.dumps`` takes. Raises InputError for numbers that are not finite."""
    try:
        return _encoder(kind)(value)
    except _Wrong as wrong:
        raise InputError(wrong.told()) from None


def decode(value: object, kind: Any) -> Any:
    """The inverse. Raises InputError with the place of what is missing, unknown or of another type."""
    try:
        return _decoder(kind)(value)
    except _Wrong as wrong:
        raise InputError(wrong.told()) from None


def plain(value: object) -> Any:
    """``value`` as it comes back from JSON: tuples are lists, keys text, array scalars numbers; what JSON
    cannot say is its text."""
    if value is None or isinstance(value, str | bool):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, AbstractSet):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [plain(item) for item in value]
    item = getattr(value, "item", None)
    return plain(item()) if callable(item) and getattr(value, "ndim", None) == 0 else str(value)


class _Wrong(Exception):
    """What is wrong, and where: the path grows as it rises, so that the good case pays nothing for it."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.path: list[str] = []

    def told(self) -> str:
        return f"${''.join(reversed(self.path))}: {self.what}"


@cache
def _encoder(kind: Any) -> Encode:
    kind = _bare(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _record_encoder(kind)
    if origin in (Union, UnionType):
        return _union_encoder(arguments)
    if origin is tuple:
        of = _encoder(arguments[0])
        return lambda value: [of(item) for item in value]
    if origin is not None and _is(origin, Mapping):
        of = _encoder(arguments[1])
        return lambda value: {str(key): of(item) for key, item in value.items()}
    if kind is Any:
        return plain
    return _finite if kind is float else lambda value: value


def _record_encoder(kind: Any) -> Encode:
    hints = get_type_hints(kind)
    parts = [(field.name, _default(field), _encoder(hints[field.name])) for field in fields(kind)]

    def record(value: Any) -> dict[str, Any]:
        found = {}
        for name, default, of in parts:
            item = getattr(value, name)
            if item is default or item == default:
                continue
            try:
                found[name] = of(item)
            except _Wrong as wrong:
                wrong.path.append(f".{name}")
                raise
        return found

    return record


def _union_encoder(members: tuple[Any, ...]) -> Encode:
    others = [member for member in members if member is not NoneType]
    if len(others) == 1:
        of = _encoder(others[0])
        return lambda value: None if value is None else of(value)
    writers = {member: _member_encoder(member) for member in others}
    return lambda value: {type(value).__name__.lower(): writers[type(value)](value)}


def _member_encoder(member: Any) -> Encode:
    own = fields(member)
    if len(own) != 1:
        return _encoder(member)
    name, of = own[0].name, _encoder(get_type_hints(member)[own[0].name])
    return lambda value: of(getattr(value, name))


@cache
def _decoder(kind: Any) -> Decode:
    kind = _bare(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _record_decoder(kind)
    if origin in (Union, UnionType):
        return _union_decoder(arguments)
    if origin is tuple:
        return _list_decoder(_decoder(arguments[0]))
    if origin is not None and _is(origin, Mapping):
        return _mapping_decoder(_decoder(arguments[1]))
    if origin is Literal:
        return _literal_decoder(arguments)
    return {Any: lambda value: value, str: _text, int: _whole, float: _number, bool: _truth, NoneType: _nothing}[kind]


def _record_decoder(kind: Any) -> Decode:
    hints = get_type_hints(kind)
    readers = {field.name: _decoder(hints[field.name]) for field in fields(kind)}
    needed = {field.name for field in fields(kind) if _default(field) is MISSING}

    def record(value: Any) -> Any:
        if type(value) is not dict:
            raise _Wrong(f"an object is expected, not {_named(value)}")
        given = {}
        for name, item in value.items():
            read = readers.get(name)
            if read is None:
                raise _Wrong(f"unknown key {name!r}; known: {', '.join(readers)}")
            try:
                given[name] = read(item)
            except _Wrong as wrong:
                wrong.path.append(f".{name}")
                raise
        if not needed <= given.keys():
            raise _Wrong(f"{', '.join(sorted(needed - given.keys()))} missing")
        return kind(**given)

    return record


def _union_decoder(members: tuple[Any, ...]) -> Decode:
    others = [member for member in members if member is not NoneType]
    if len(others) == 1:
        of = _decoder(others[0])
        return lambda value: None if value is None else of(value)
    readers = {member.__name__.lower(): _member_decoder(member) for member in others}

    def tagged(value: Any) -> Any:
        if type(value) is not dict or len(value) != 1 or next(iter(value)) not in readers:
            raise _Wrong(f"an object with one key of {', '.join(readers)} is expected, not {_named(value)}")
        ((tag, inner),) = value.items()
        try:
            return readers[tag](inner)
        except _Wrong as wrong:
            wrong.path.append(f".{tag}")
            raise

    return tagged


def _member_decoder(member: Any) -> Decode:
    own = fields(member)
    if len(own) != 1:
        return _decoder(member)
    of = _decoder(get_type_hints(member)[own[0].name])
    return lambda value: member(of(value))


def _list_decoder(of: Decode) -> Decode:
    def items(value: Any) -> tuple[Any, ...]:
        if type(value) is not list:
            raise _Wrong(f"a list is expected, not {_named(value)}")
        found: list[Any] = []
        try:
            for item in value:
                found.append(of(item))
        except _Wrong as wrong:
            wrong.path.append(f"[{len(found)}]")
            raise
        return tuple(found)

    return items


def _mapping_decoder(of: Decode) -> Decode:
    def entries(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise _Wrong(f"an object is expected, not {_named(value)}")
        found = {}
        for key, item in value.items():
            try:
                found[key] = of(item)
            except _Wrong as wrong:
                wrong.path.append(f"[{key!r}]")
                raise
        return found

    return entries


def _literal_decoder(allowed: tuple[Any, ...]) -> Decode:
    def literal(value: Any) -> Any:
        if value not in allowed:
            raise _Wrong(f"one of {', '.join(map(repr, allowed))} is expected, not {_named(value)}")
        return value

    return literal


def _text(value: Any) -> str:
    if type(value) is not str:
        raise _Wrong(f"text is expected, not {_named(value)}")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise _Wrong(f"a whole number is expected, not {_named(value)}")
    return value


def _number(value: Any) -> float:
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is not int:
        raise _Wrong(f"a finite number is expected, not {_named(value)}")
    return float(value)


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise _Wrong(f"{number} is not a finite number")
    return number


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise _Wrong(f"true or false is expected, not {_named(value)}")
    return value


def _nothing(value: Any) -> None:
    if value is not None:
        raise _Wrong(f"null is expected, not {_named(value)}")


def _named(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:40]}…"


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


def _bare(kind: Any) -> Any:
    return kind.__supertype__ if isinstance(kind, NewType) else kind


def _is(origin: Any, kind: type) -> bool:
    return isinstance(origin, type) and issubclass(origin, kind)
