"""A release brought to life: what the command line and the server talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from assay.answering.answerer import Answerer
from assay.answering.events import AnswerEvent, Question
from assay.documents import PUBLIC, Scalar
from assay.releases.release import Release
from assay.retrieval.found import Found, Mode
from assay.retrieval.retriever import Retriever


@dataclass(frozen=True, slots=True)
class Application:
    """One release with everything it needs, opened. Close it when done."""

    name: str
    release: Release
    retriever: Retriever
    answerer: Answerer
    close: Callable[[], Awaitable[None]]
    notice: str | None = None

    def answer(self, question: Question) -> AsyncIterator[AnswerEvent]:
        """Stream the answer to a question; ends in exactly one Answer or Failed."""
        return self.answerer.answer(question)

    async def search(
        self,
        question: str,
        *,
        k: int,
        mode: Mode | None = None,
        groups: frozenset[str] = frozenset({PUBLIC}),
        where: Mapping[str, Scalar] | None = None,
    ) -> Found:
        """The ``k`` best chunks that ``groups`` may read; ``mode`` None is the release's own."""
        return await self.retriever.search(question, k=k, mode=mode, groups=groups, where=where or {})
