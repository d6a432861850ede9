"""The writer that needs no model: it says the best-supported sentences of the evidence, word for word.

Only white space changes. Sentences of one passage stay in their order and run on; list
items, rows and code keep their form. It cannot say what is not there.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from assay.answering.events import Question
from assay.answering.evidence import MAX_SENTENCES, MIN_PROBABILITY, Statement, choose
from assay.answering.reading import Reading
from assay.answering.writer import WriterEvent, Written
from assay.language.segments import Unit
from assay.models.chat import TextDelta, Usage

IDENTITY = "extractive"
_CLOSED = (".", "!", "?", "…", "。", "！", "？", '."', ".”", ".'", ".)")


class ExtractiveWriter:
    """Quotes at most ``at_most`` sentences, each at least ``at_least`` likely to be part of an answer.

    ``count`` counts tokens for the budget of the context.
    """

    def __init__(
        self,
        count: Callable[[str], int],
        *,
        at_least: float = MIN_PROBABILITY,
        at_most: int = MAX_SENTENCES,
    ) -> None:
        self._count, self._at_least, self._at_most = count, at_least, at_most

    @property
    def identity(self) -> str:
        return IDENTITY

    def count(self, text: str) -> int:
        return self._count(text)

    async def write(
        self,
        question: Question,  # noqa: ARG002 - the reading has it
        reading: Reading,
    ) -> AsyncGenerator[WriterEvent, None]:
        """One delta for each sentence, its marker included."""
        odds = [passage.logit for passage in reading.passages]
        chosen = choose(reading.evidence, odds, at_least=self._at_least, at_most=self._at_most)
        before: Statement | None = None
        for statement in chosen:
            yield TextDelta((_gap(before, statement) if before else "") + _said(statement))
            before = statement
        yield Written(IDENTITY, Usage(), 0.0)


def _said(statement: Statement) -> str:
    if statement.span.unit is Unit.CODE:
        return statement.text  # a marker would become part of the code
    return f"{' '.join(statement.text.split())} [{statement.passage}]"


def _gap(before: Statement, after: Statement) -> str:
    """What stands between two sentences: a blank only where it is plain that one ends and one begins."""
    units = {before.span.unit, after.span.unit}
    if before.passage == after.passage and units in ({Unit.ITEM}, {Unit.ROW}):
        # A sentence inside an item runs on; the first of an item holds its marker.
        return " " if after.text[:1].isupper() and before.text.endswith(_CLOSED) else "\n"
    plain = units == {Unit.PROSE} and before.text.endswith(_CLOSED) and after.text.lstrip("\"'“‘(")[:1].isupper()
    return " " if plain and before.passage == after.passage else "\n\n"
