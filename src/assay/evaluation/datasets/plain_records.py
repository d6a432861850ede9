"""Plain records: a question, texts and an answer from anywhere, as a sample that every scorer takes.

A record is a JSON object ``{"id"?, "question"?, "contexts"?: [texts], "answer", "expected"?: text or [texts],
"retrieved"?: [ids], "relevant"?: [ids], "answerable"?: truth value}``. Other keys are left alone: such files come with
columns of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from assay.errors import InputError
from assay.evaluation.cases import Case
from assay.evaluation.datasets.jsonl import LONGEST, parse_object, shown
from assay.evaluation.judges.offline.expected_answer import aliases
from assay.evaluation.samples import Answered, Passage, Sample

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Unread:
    """A line that holds no record; ``id`` is the record's where it could be read, else the line's number."""

    id: str
    error: InputError


def records(lines: BinaryIO, name: str, *, separator: str | None = None) -> Iterator[Sample | Unread]:
    """The records of a stream of JSON lines, in order, blank lines left out; a bad line does not end them.

    ``name`` is how messages call the stream; a record without ``id`` has the number of its line.
    ``separator`` divides an ``expected`` text into several right answers; an empty one does not, and None
    divides at a slash, as sets of questions with short answers do, but not in a date, a rate or a long text.
    """
    number = 0
    while data := lines.readline(LONGEST + 1):
        number += 1
        place = f"{name}:{number}"
        if len(data) > LONGEST:
            while data and not data.endswith(b"\n"):
                data = lines.readline(LONGEST)
            yield Unread(str(number), InputError(f"{place}: the line has more than {LONGEST:,} bytes"))
        elif data.strip():
            yield _record(data.removeprefix(_BOM) if number == 1 else data, place, number, separator)


def sample_of(value: dict[str, Any], place: str, number: int, *, separator: str | None = None) -> Sample:
    """The sample that a record is. Raises InputError naming ``place`` and the key that is wrong."""
    read = _Keys(value, place)
    answer, contexts = read.text("answer"), read.texts("contexts")
    if answer is None:
        raise InputError(f'{place}: "answer" is missing')
    return Sample(
        Case(
            id=_id(value, number),
            question=read.text("question") or "",
            expected=_expected(read, separator),
            relevant=read.texts("relevant"),
            answerable=read.truth("answerable"),
        ),
        Answered(
            answer,
            retrieved=read.texts("retrieved"),
            passages=None
            if contexts is None
            else tuple(Passage(str(at), 0, len(text), text) for at, text in enumerate(contexts, 1)),
        ),
    )


def _record(data: bytes, place: str, number: int, separator: str | None) -> Sample | Unread:
    id = str(number)
    try:
        value = parse_object(data.decode(), place)
        id = _id(value, number)
        return sample_of(value, place, number, separator=separator)
    except UnicodeDecodeError as error:
        return Unread(id, InputError(f"{place}: byte {error.start + 1} is not UTF-8; convert the file"))
    except InputError as error:
        return Unread(id, error)


def _id(value: dict[str, Any], number: int) -> str:
    id = value.get("id")
    return str(id) if isinstance(id, str | int) and not isinstance(id, bool) else str(number)


def _expected(read: _Keys, separator: str | None) -> tuple[str, ...] | None:
    value = read.value.get("expected")
    given = (value,) if isinstance(value, str) else read.texts("expected")
    if given is None or separator == "":
        return given
    if separator is None:
        return aliases(value) if isinstance(value, str) else given
    parts = (part.strip() for text in given for part in text.split(separator))
    return tuple(dict.fromkeys(part for part in parts if part))


@dataclass(frozen=True, slots=True)
class _Keys:
    """Reads keys that may be missing or null."""

    value: dict[str, Any]
    place: str

    def text(self, key: str) -> str | None:
        found = self.value.get(key)
        if found is None or isinstance(found, str):
            return found
        raise InputError(f'{self.place}: "{key}" must be a text, not {shown(found)}')

    def texts(self, key: str) -> tuple[str, ...] | None:
        found = self.value.get(key)
        if found is None:
            return None
        if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
            raise InputError(f'{self.place}: "{key}" must be a list of texts, such as ["…"]')
        return tuple(found)

    def truth(self, key: str) -> bool | None:
        found = self.value.get(key)
        if found is None or isinstance(found, bool):
            return found
        raise InputError(f'{self.place}: "{key}" must be true or false, not {shown(found)}')
