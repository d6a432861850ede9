"""Labels as JSON lines: to hand to others, and to freeze a set of cases that judges are held against.

A line is ``{"kind": "label", "metric", "case": {…}, "answer": {…}, "rater", "value": 0 to 1 or null, …}``, whole in
itself, or ``{"kind": "draw", …}``, which says how cases were chosen.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.digest import Digest, digest
from assay.errors import InputError
from assay.evaluation.artifacts.codec import dumped, loaded
from assay.evaluation.datasets.jsonl import JsonLine, read_lines, shown
from assay.evaluation.labelling.content import item_of_sample, sample
from assay.stores.labelled import Content, Draw, Label

KEYS = (
    "kind", "id", "metric", "rater", "value", "at", "draw", "probability", "judged", "scorer", "note", "case", "answer"
)  # fmt: skip
_DRAW_KEYS = ("kind", "id", "metric", "at", "order", "chances")


@dataclass(frozen=True, slots=True)
class LabelFile:
    """What a file of labels holds."""

    labels: tuple[Label, ...]
    contents: tuple[Content, ...]
    draws: tuple[Draw, ...]


def write_labels(path: Path, labels: Sequence[Label], contents: Mapping[Digest, Content], draws: Sequence[Draw]) -> int:
    """Write the labels whose answer is known, and the draws; whole or not at all. Returns how many labels.

    Raises InputError.
    """
    lines: list[dict[str, Any]] = []
    for draw in draws:
        chances = dict(draw.chances)
        lines.append({"kind": "draw", "id": draw.id, "metric": draw.metric, "at": draw.at})
        lines[-1] |= {"order": list(draw.order), "chances": chances}
    known = [label for label in labels if label.item in contents]
    for label in known:
        line = {"kind": "label"} | {key: getattr(label, key) for key in KEYS if hasattr(label, key)}
        lines.append(line | loaded(contents[label.item].payload))
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with draft.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(dumped(line) + "\n" for line in lines)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    return len(known)


def read_labels(path: Path) -> LabelFile:
    """What the file holds. Raises InputError with file and line for a key or a value that does not belong there."""
    labels: list[Label] = []
    contents: dict[Digest, Content] = {}
    draws: list[Draw] = []
    for line in read_lines(path):
        match line.value.get("kind"):
            case "label":
                label, content = _label(line)
                labels.append(label)
                contents.setdefault(content.item, content)
            case "draw":
                draws.append(_draw(line))
            case other:
                raise InputError(f'{line.place}: "kind" is "label" or "draw", not {shown(other)}')
    return LabelFile(tuple(labels), tuple(contents.values()), tuple(draws))


def _label(line: JsonLine) -> tuple[Label, Content]:
    value, place = line.value, line.place
    _only(value, KEYS, place)
    metric, rater = _text(value, "metric", place), _text(value, "rater", place)
    if "value" not in value:
        raise InputError(f'{place}: "value" is missing: a number from 0 to 1, or null for "cannot tell"')
    try:
        found = sample({"case": value.get("case"), "answer": value.get("answer")})
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
    item = item_of_sample(metric, found)
    said, at = _share(value, "value", place), _number(value, "at", place) or 0.0
    # Without an id of its own a line is the same label however often it is read.
    id = _optional(value, "id", place) or digest([item, rater, said, at])[:16]
    label = Label(
        id,
        metric,
        item,
        found.case.digest,
        rater,
        said,
        at,
        _optional(value, "draw", place),
        _share(value, "probability", place),
        _share(value, "judged", place),
        _optional(value, "scorer", place) or "",
        _optional(value, "note", place) or "",
    )
    return label, Content(item, dumped({"case": value["case"], "answer": value["answer"]}))


def _draw(line: JsonLine) -> Draw:
    value, place = line.value, line.place
    _only(value, _DRAW_KEYS, place)
    order, chances = value.get("order"), value.get("chances")
    if not isinstance(order, list) or not all(isinstance(case, str) for case in order):
        raise InputError(f'{place}: "order" is a list of digests of cases, not {shown(order)}')
    if not isinstance(chances, dict) or not all(_is_share(chance) for chance in chances.values()):
        raise InputError(f'{place}: "chances" is an object of numbers from 0 to 1 by digest, not {shown(chances)}')
    at = _number(value, "at", place) or 0.0
    return Draw(_text(value, "id", place), _text(value, "metric", place), at, tuple(order), chances)


def _only(value: Mapping[str, Any], keys: Sequence[str], place: str) -> None:
    for key in value:
        if key not in keys:
            raise InputError(f'{place}: there is no key "{key}"; known: {", ".join(keys)}')


def _text(value: Mapping[str, Any], key: str, place: str) -> str:
    found = _optional(value, key, place)
    if not found:
        raise InputError(f'{place}: "{key}" is missing')
    return found


def _optional(value: Mapping[str, Any], key: str, place: str) -> str | None:
    found = value.get(key)
    if found is not None and not isinstance(found, str):
        raise InputError(f'{place}: "{key}" is a text, not {shown(found)}')
    return found


def _number(value: Mapping[str, Any], key: str, place: str) -> float | None:
    found = value.get(key)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise InputError(f'{place}: "{key}" is a number, not {shown(found)}')
    return float(found)


def _share(value: Mapping[str, Any], key: str, place: str) -> float | None:
    found = _number(value, key, place)
    if found is not None and not 0 <= found <= 1:
        raise InputError(f'{place}: "{key}" is a number from 0 to 1, not {shown(found)}')
    return found


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
