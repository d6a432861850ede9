"""What the server talks to: an environment whose releases change under it, or one application alone."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from assay.answering.events import AnswerEvent, Question
from assay.documents import Scalar
from assay.errors import NotFound
from assay.releases.application import Application
from assay.releases.release import Release
from assay.retrieval.found import Found, Mode
from assay.rollouts.live.feedback import Rated, Said


class Served(Protocol):
    """An application under its ``name``; ``release`` is the one that is live now."""

    @property
    def name(self) -> str: ...

    @property
    def release(self) -> Release: ...

    def answer(
        self,
        question: Question,
        *,
        identity: str | None = None,
        session: str | None = None,
        traceparent: str | None = None,
        exactly: bool = False,
    ) -> AsyncGenerator[AnswerEvent, None]:
        """Stream the answer; ends in exactly one Answer or Failed. ``exactly`` wants the live release and no other."""
        ...

    async def search(
        self, question: str, *, k: int, mode: Mode | None, groups: frozenset[str], where: Mapping[str, Scalar] | None
    ) -> Found: ...

    async def problems(self) -> list[str]: ...

    async def feedback(self, id: str, said: Said) -> tuple[Rated, bool]:
        """Keep what was said of an answer; whether it is the caller's first rating of it. Raises NotFound."""
        ...

    def serving(self, idle: Callable[[], bool]) -> AbstractAsyncContextManager[None]:
        """What is done in the background while it is served; everything is closed at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Alone:
    """One application, which answers everybody; nothing is kept of what people say."""

    application: Application

    @property
    def name(self) -> str:
        return self.application.name

    @property
    def release(self) -> Release:
        return self.application.release

    def answer(
        self,
        question: Question,
        *,
        identity: str | None = None,  # noqa: ARG002
        session: str | None = None,  # noqa: ARG002
        traceparent: str | None = None,
        exactly: bool = False,  # noqa: ARG002
    ) -> AsyncGenerator[AnswerEvent, None]:
        return self.application.answer(question, traceparent=traceparent)

    async def search(
        self, question: str, *, k: int, mode: Mode | None, groups: frozenset[str], where: Mapping[str, Scalar] | None
    ) -> Found:
        return await self.application.search(question, k=k, mode=mode, groups=groups, where=where)

    async def problems(self) -> list[str]:
        return await self.application.problems()

    async def feedback(self, id: str, said: Said) -> tuple[Rated, bool]:  # noqa: ARG002
        raise NotFound("feedback is not kept here; `assay serve` keeps it")

    @asynccontextmanager
    async def serving(self, idle: Callable[[], bool]) -> AsyncIterator[None]:  # noqa: ARG002
        try:
            yield
        finally:
            await self.application.close()
