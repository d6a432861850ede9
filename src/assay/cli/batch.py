"""Questions from a file: one JSON object a line with ``id`` and ``question``."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.answering.events import Question
from assay.cli.output import emit
from assay.errors import AssayError, InputError
from assay.evaluation.datasets.case_lines import history_of
from assay.messages import Turn


@dataclass(frozen=True, slots=True)
class Line:
    """A question of a batch, with the id that its answer is to carry."""

    id: str
    text: str
    history: tuple[Turn, ...] = ()

    def question(self, groups: frozenset[str], where: dict[str, Any]) -> Question:
        """The question as this reader asks it."""
        return Question(self.text, history=self.history, groups=groups, where=where)


def read_batch(path: Path) -> Iterator[Line]:
    """The lines of a batch file, in order.

    Raises InputError naming the line that is not an object with ``question`` (``id``
    defaults to the line's number).
    """
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, text in enumerate(lines, 1):
                if text.strip():
                    yield _line(text, f"{path}:{number}", number)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8; convert it") from error


async def each(lines: Iterable[Line], work: Callable[[Line], Awaitable[dict[str, Any]]]) -> bool:
    """Print a line of results for each question; whether all went well.

    One that fails does not end the batch: its line holds the error.
    """
    well = True
    for line in lines:
        try:
            result = await work(line)
        except AssayError as error:
            result = {"error": {"type": type(error).__name__, "message": str(error)}}
            well = False
        emit({"id": line.id} | result)
    return well


def _line(text: str, place: str, number: int) -> Line:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: not JSON: {error}") from error
    question = value.get("question") if isinstance(value, dict) else None
    if not isinstance(question, str) or not question.strip():
        raise InputError(f'{place}: an object with "question" is expected')
    return Line(str(value.get("id", number)), question, history_of(value.get("history"), place, exact=False))
