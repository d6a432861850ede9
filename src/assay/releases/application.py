"""A release brought to life: what the command line and the server talk to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from anyio import to_thread

from assay.answering.answerer import Answerer
from assay.answering.events import AnswerEvent, Question
from assay.documents import PUBLIC, Scalar
from assay.errors import AssayError
from assay.releases.release import Release
from assay.retrieval.found import Found, Mode
from assay.retrieval.retriever import Retriever
from assay.stores.index import Index
from assay.traces import Attribute


@dataclass(frozen=True, slots=True)
class Application:
    """One release with everything it needs, opened. Close it when done."""

    name: str
    release: Release
    retriever: Retriever
    answerer: Answerer
    index: Index
    index_id: str
    close: Callable[[], Awaitable[None]]
    notice: str | None = None

    def answer(
        self,
        question: Question,
        *,
        traceparent: str | None = None,
        attributes: Mapping[str, Attribute] | None = None,
    ) -> AsyncGenerator[AnswerEvent, None]:
        """Stream the answer to a question; ends in exactly one Answer or Failed.

        ``traceparent`` is a caller's W3C header, to be part of its trace; ``attributes`` are recorded with it.
        """
        return self.answerer.answer(question, traceparent=traceparent, attributes=attributes)

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

    async def problems(self) -> list[str]:
        """What stands in the way of an answer; none when the index can be read and holds something."""
        try:
            documents = await to_thread.run_sync(self.retriever.documents)
        except AssayError as error:
            return [str(error)]
        return [] if documents else ["the index is empty; run `assay ingest`"]
