"""Mistakes in a file of the application: all of them at once, each with line, key and mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from assay.errors import ConfigError
from assay.releases.file.locator import KeyPath, nearest
from assay.releases.file.sections import KeyMistake


@dataclass(frozen=True, slots=True)
class Mistake:
    """``message`` names the key and the mend; ``path`` is the file, as the user named it."""

    path: str
    line: int | None
    message: str

    @classmethod
    def of(cls, error: ConfigError) -> Mistake:
        """What an error of another reader says, without its place, which is kept apart."""
        place = f"{error.path}:{error.line}: " if error.line else f"{error.path}: "
        return cls(error.path, error.line, str(error).removeprefix(place))

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


class ConfigErrors(ConfigError):
    """One or several mistakes, in order of their lines; the message has a line for each."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda m: (m.path, m.line or 0)))
        first = self.mistakes[0]
        super().__init__(first.message, path=first.path, line=first.line)
        self.args = ("\n".join(str(mistake) for mistake in self.mistakes),)


def suggest(word: str, known: Iterable[str]) -> str:
    """``did you mean "candidates"?``, or the list of what is known where nothing is near."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f'did you mean "{near[0]}"?'
    return f"known: {', '.join(names)}" if names else "none is known here"


def dotted(path: KeyPath) -> str:
    """A key path for people: ``sources[0].path``; an entry of an array counts from 0, as in the file."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text


def explain(
    errors: Iterable[ErrorDetails],
    *,
    data: Mapping[str, Any],
    model: type[BaseModel],
    lines: Mapping[KeyPath, int],
    path: str,
) -> list[Mistake]:
    """The validation errors of ``data`` against ``model``, in words, one for each place."""
    found: dict[KeyPath, Mistake] = {}
    for error in errors:
        place = _present(error["loc"], data, missing=error["type"] == "missing")
        if place not in found:
            found[place] = Mistake(path, nearest(lines, _pointed_at(error, place)), _message(error, place, model))
    return list(found.values())


def _pointed_at(error: ErrorDetails, place: KeyPath) -> KeyPath:
    cause = error.get("ctx", {}).get("error")
    return (*place, cause.key) if isinstance(cause, KeyMistake) else place


def _present(loc: KeyPath, data: Any, *, missing: bool) -> KeyPath:
    """The part of a location that is in the file: pydantic adds tags of unions and of dictionary keys."""
    place: list[str | int] = []
    for part in loc:
        if not _has(data, part):
            if missing and part == loc[-1]:
                place.append(part)
            break
        place.append(part)
        data = data[part]
    return tuple(place)


def _has(data: Any, part: str | int) -> bool:
    if isinstance(data, Mapping):
        return part in data
    return isinstance(data, list) and isinstance(part, int) and part < len(data)


_KINDS = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": 'an array, such as ["a", "b"]',
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}


def _message(error: ErrorDetails, place: KeyPath, model: type[BaseModel]) -> str:
    kind, context, value, name = error["type"], error.get("ctx", {}), error["input"], dotted(place)
    if kind == "extra_forbidden":
        return _unknown(place, model)
    if kind == "missing":
        return f"{name} is missing" if len(place) > 1 else f"the table [{name}] is missing"
    if kind == "finite_number":
        return f"{name} must be a finite number, not {_shown(value)}"
    if kind == "tuple_type" and isinstance(value, dict):
        return f"{name} is an array of tables: write [[{name}]] in place of [{name}]"
    if kind in ("model_type", "model_attributes_type", "dict_type") and isinstance(value, list):
        return f"{name} is a single table: write [{name}] in place of [[{name}]]"
    if kind in _KINDS:
        return f"{name} must be {_KINDS[kind]}, not {_shown(value)}"
    if kind == "literal_error":
        allowed = [part.strip("'") for part in context["expected"].replace(" or ", ", ").split(", ")]
        hint = f"; {suggest(value, allowed)}" if _near(value, allowed) else ""
        return f"{name} is {_shown(value)}; it must be one of {', '.join(allowed)}{hint}"
    if kind == "value_error":
        return f"{name}: {context['error']}"
    if kind == "string_pattern_mismatch":
        # The value may be a secret that was pasted: it is not shown.
        return f"{name} must be the name of an environment variable, never the secret itself"
    if kind in ("string_too_short", "too_short"):  # every length that is asked for here is 1
        return f"{name} must not be empty"
    bounds = {
        "greater_than_equal": ("at least", "ge"),
        "greater_than": ("above", "gt"),
        "less_than_equal": ("at most", "le"),
        "less_than": ("below", "lt"),
        "string_too_long": ("text of at most so many characters:", "max_length"),
    }
    if kind in bounds:
        words, key = bounds[kind]
        return f"{name} is {_shown(value)}; it must be {words} {context[key]}"
    return f"{name}: {error['msg']}"


def _unknown(place: KeyPath, model: type[BaseModel]) -> str:
    key, table = str(place[-1]), dotted(place[:-1])
    known = _fields(model, place[:-1])
    where = (table if table.endswith("]") else f"[{table}]") if table else "the file"
    near = _near(key, known)
    if not near and (home := _home(key, model)):
        return f"{where} has no key {key}; it belongs in [{home}]"
    return f"{where} has no key {key}; {suggest(key, known)}"


def _fields(model: type[BaseModel], place: KeyPath) -> list[str]:
    """The keys of the table at a place."""
    current: type[BaseModel] | None = model
    for part in place:
        if current is None or not isinstance(part, str):
            continue
        field = current.model_fields.get(part)
        if field is not None:
            current = table_of(field.annotation)
    return list(current.model_fields) if current else []


def table_of(annotation: Any) -> type[BaseModel] | None:
    """The table model inside a field's type: ``tuple[Source, ...]`` holds Source."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in get_args(annotation):
        if (inner := table_of(part)) is not None:
            return inner
    return None


def _home(key: str, model: type[BaseModel]) -> str | None:
    """The one table at the top that has this key."""
    homes = [
        name
        for name, field in model.model_fields.items()
        if (table := table_of(field.annotation)) and key in table.model_fields
    ]
    return homes[0] if len(homes) == 1 else None


def _near(word: object, known: Iterable[str]) -> bool:
    return isinstance(word, str) and bool(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6))


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 60 else f'"{value[:57]}…"'
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple):
        return "an array" if value else "an empty array"
    return str(value)
