"""A release as the subject of an evaluation: cases in, outcomes out."""

from __future__ import annotations

import time
from contextlib import aclosing

from assay.answering.events import Answer, Question
from assay.answering.events import Failed as Ended
from assay.documents import PUBLIC
from assay.errors import AssayError, RateLimited
from assay.evaluation.cases import Case
from assay.evaluation.samples import Answered, Failed, Outcome, Passage
from assay.releases.application import Application


class ReleaseSubject:
    """An opened application. What it answers depends on its release and on what its index holds."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._state = f"{application.index_id}:{application.index.generation}"

    @property
    def identity(self) -> str:
        return self._application.release.digest

    @property
    def state(self) -> str:
        """The index and its generation, as they were when the application was opened."""
        return self._state

    async def ask(self, case: Case, repeat: int) -> Outcome:  # noqa: ARG002
        """Ask one case as its own reader. Raises RateLimited, so that the caller can slow down."""
        began = time.perf_counter()
        question = Question(
            case.question, case.history, groups=frozenset({PUBLIC, *(case.access if case.access is not None else ())})
        )
        outcome: Outcome | None = None
        try:
            async with aclosing(self._application.answer(question)) as events:
                # To the end: a stream that is left at its last event records that its reader went away.
                async for event in events:
                    match event:
                        case Answer():
                            outcome = answered(event)
                        case Ended(error=error, trace=trace):
                            outcome = _failed(error, trace, began)
        except AssayError as error:
            return _failed(error, None, began)
        return outcome or Failed("Incomplete", "the stream ended without an answer", None, _since(began))


def answered(answer: Answer) -> Answered:
    """An answer as evaluation sees it."""
    found, context = answer.found, answer.context
    return Answered(
        text=answer.text,
        retrieved=None if found is None else tuple(dict.fromkeys(hit.chunk.document for hit in found.hits)),
        passages=None
        if context is None
        else tuple(Passage(p.document, p.start, p.end, p.text, p.label) for p in context.passages),
        citations=answer.citations,
        abstained=answer.abstained.reason if answer.abstained else None,
        confidence=answer.confidence,
        model=answer.model,
        milliseconds=answer.milliseconds,
        first_token_milliseconds=answer.first_token_milliseconds,
        cost=answer.cost,
        usage=answer.usage,
        trace=answer.trace,
    )


def _failed(error: AssayError, trace: str | None, began: float) -> Failed:
    if isinstance(error, RateLimited):
        raise error
    return Failed(type(error).__name__, str(error), trace, _since(began))


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
