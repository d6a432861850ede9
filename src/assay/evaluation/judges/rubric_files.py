"""Rubrics as files: Markdown that opens with TOML between two lines ``+++``.

    +++
    name = "politeness"
    fields = ["question?", "answer"]
    scale = [1, 5]
    +++
    Rate how polite the answer is. 1 is rude, 5 is courteous throughout.

``fields`` are shown to the judge in this order; a ``?`` marks one that may be missing. How the judge
replies is one of ``scale`` (two numbers), ``verdicts`` (a table of words and their values from 0 to 1)
or ``reply`` ("yes/no", "claims", "claim list", "claim counts"); without any of them it is yes or no.
``version``, ``definition`` and ``source`` are texts for people.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from assay.errors import ConfigError
from assay.evaluation.judges.forms import ClaimCounts, ClaimList, ClaimVerdicts, Form, Scale, Verdicts
from assay.evaluation.judges.rubrics import SHIPPED, Rubric, shipped

_FRONT = re.compile(r"\A\+\+\+[ \t]*\r?\n(.*?)^\+\+\+[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")
_KEYS = ("name", "fields", "reply", "scale", "verdicts", "version", "definition", "source")
_REPLIES: Mapping[str, type[Verdicts | ClaimVerdicts | ClaimList | ClaimCounts]] = {
    "yes/no": Verdicts,
    "claims": ClaimVerdicts,
    "claim list": ClaimList,
    "claim counts": ClaimCounts,
}


def rubric_from_file(path: Path) -> Rubric:
    """The rubric that a file holds.

    Raises ConfigError with the line for everything that is wrong in it. One with the name of a shipped
    rubric takes its place, and must have its fields and its form of reply, on which scorers rely.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"the rubric cannot be read: {error.strerror or error}", path=str(path)) from error
    except UnicodeDecodeError as error:
        raise ConfigError("the rubric is not UTF-8 text; save it as UTF-8", path=str(path)) from error
    rubric = parse(text, str(path))
    if rubric.name in SHIPPED and not _alike(rubric, shipped()[rubric.name]):
        of = shipped()[rubric.name]
        fields = ", ".join(f'"{name}{"?" * (name in of.optional)}"' for name in of.fields)
        raise _opened(text, str(path)).wrong(
            "name",
            f"{rubric.name!r} is the name of a rubric that Assay ships; to take its place this one needs "
            f"fields = [{fields}] and the same form of reply, otherwise give it another name",
        )
    return rubric


def _alike(one: Rubric, other: Rubric) -> bool:
    return (
        set(one.required) == set(other.required)
        and set(one.optional) == set(other.optional)
        and type(one.form) is type(other.form)
    )


def parse(text: str, path: str) -> Rubric:
    """The rubric that a file's text holds; ``path`` is for messages. Raises ConfigError."""
    front = _opened(text, path)
    name = front.text("name")
    if not name:
        raise ConfigError('name is missing: write name = "…" between the lines +++', path=path, line=1)
    if not _NAME.match(name):
        raise front.wrong("name", f"{name!r} is no name: letters, digits, _ and - after a letter")
    if not front.body.strip():
        raise ConfigError("no instructions follow the second +++; say there what the judge is to decide", path=path)
    fields = _fields(front)
    return Rubric(
        name=name,
        required=tuple(field for field in fields if not field.endswith("?")),
        optional=tuple(field[:-1] for field in fields if field.endswith("?")),
        fields=tuple(field.rstrip("?") for field in fields),
        instructions=front.body.strip(),
        form=_form(front),
        version=front.text("version") or "1",
        definition=front.text("definition"),
        source=front.text("source"),
    )


@dataclass(frozen=True, slots=True)
class _Front:
    """The TOML of a rubric and what follows it; knows the line of each key."""

    path: str
    lines: tuple[str, ...]
    values: Mapping[str, Any]
    body: str

    def wrong(self, key: str, message: str) -> ConfigError:
        pattern = re.compile(rf"\[?\s*[\"']?{re.escape(key)}\b")
        line = next((n for n, row in enumerate(self.lines, 1) if n > 1 and pattern.match(row)), None)
        return ConfigError(message, path=self.path, line=line)

    def text(self, key: str) -> str:
        value = self.values.get(key, "")
        if not isinstance(value, str):
            raise self.wrong(key, f"{key} must be a text in quotes, not {value!r}")
        return value.strip()


def _opened(text: str, path: str) -> _Front:
    text = text.removeprefix("\ufeff")
    found = _FRONT.match(text)
    if found is None:
        mend = 'a rubric opens with TOML between two lines +++, with name = "…" and fields = […]'
        raise ConfigError(mend, path=path, line=1)
    try:
        values = tomllib.loads(found[1])
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+)", str(error))
        line = int(place[1]) + 1 if place else found[0].count("\n")
        said = re.sub(r"\s*\(at .*", "", str(error))
        raise ConfigError(f"the part between +++ is not TOML: {said}", path=path, line=line) from error
    front = _Front(path, tuple(text.split("\n")), values, text[found.end() :])
    for key in values:
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(_KEYS)}"
            raise front.wrong(key, f"unknown key {key!r}; {hint}")
    return front


def _fields(front: _Front) -> list[str]:
    fields = front.values.get("fields")
    if fields is None:
        raise ConfigError('fields is missing: write fields = ["question?", "answer"]', path=front.path, line=1)
    if not isinstance(fields, list) or not all(isinstance(field, str) for field in fields):
        raise front.wrong("fields", 'fields must be a list of texts, such as ["question?", "answer"]')
    for field in fields:
        if not _NAME.match(field.removesuffix("?")):
            raise front.wrong("fields", f"{field!r} is no name of a field: letters, digits, _ and -, then perhaps a ?")
    bare = [field.removesuffix("?") for field in fields]
    if len(set(bare)) < len(bare):
        raise front.wrong("fields", "a field is named twice")
    if all(field.endswith("?") for field in fields):
        raise front.wrong("fields", "at least one field must be required: name one without a ?")
    return fields


def _form(front: _Front) -> Form:
    given = [key for key in ("reply", "scale", "verdicts") if key in front.values]
    if len(given) > 1:
        raise front.wrong(given[1], f"{given[0]} and {given[1]} both say how the judge replies; keep one")
    match given:
        case ["scale"]:
            return _scale(front)
        case ["verdicts"]:
            return _verdicts(front)
        case ["reply"]:
            reply = front.text("reply")
            if reply not in _REPLIES:
                known = ", ".join(f'"{name}"' for name in _REPLIES)
                raise front.wrong("reply", f"{reply!r} is no form of reply; known: {known}; or use scale or verdicts")
            return _REPLIES[reply]()
    return Verdicts()


def _scale(front: _Front) -> Scale:
    match front.values["scale"]:
        case [int() | float() as low, int() | float() as high] if _number(low) and _number(high) and low < high:
            return Scale(float(low), float(high))
    raise front.wrong("scale", "scale must be two numbers, the worst and the best: scale = [1, 5]")


def _verdicts(front: _Front) -> Verdicts:
    table = front.values["verdicts"]
    mend = "verdicts must be a table of at least two words with values from 0 to 1: verdicts = {good = 1, bad = 0}"
    if not isinstance(table, dict) or len(table) < 2 or len({word.strip().casefold() for word in table}) < len(table):
        raise front.wrong("verdicts", mend)
    for word, value in table.items():
        if not _number(value) or not 0 <= value <= 1 or not re.search(r"\w", word):
            raise front.wrong("verdicts", f"{word} = {value!r}: {mend}")
    return Verdicts({word: float(value) for word, value in table.items()})


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9
