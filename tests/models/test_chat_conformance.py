"""The conformance suite, run against the fake model and against a provider's model over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest

from assay.errors import ModelError, ModelUnavailable, StreamBroken
from assay.models.chat import ChatEvent, Finished, Request, TextDelta, Usage
from assay.models.fallback import FallbackModel
from assay.models.providers import ProviderModel
from assay.models.retrying import Backoff, RetryingModel
from assay.models.streams import closing
from assay.testing.chat_conformance import ChatConformance, Trial
from assay.testing.chat_model import ScriptedModel
from assay.testing.model_server import ModelServer
from assay.testing.replies import Cut, Fail, Reply, Say


class Slow(ScriptedModel):
    """Lets others go on between two words, as a model behind a network does."""

    async def stream(self, request: Request) -> AsyncIterator[ChatEvent]:
        async with closing(ScriptedModel.stream(self, request)) as events:
            async for event in events:
                await anyio.lowlevel.checkpoint()
                yield event


@pytest.mark.anyio
class TestScriptedModel(ChatConformance):
    @asynccontextmanager
    async def saying(self, pieces: Sequence[str]) -> AsyncIterator[Trial]:
        text = "".join(pieces)
        events: list[ChatEvent] = [*map(TextDelta, pieces), Finished(text, (), Usage(3, 4), "scripted", "stop")]
        yield Trial(ScriptedModel([events]))

    @asynccontextmanager
    async def failing(self) -> AsyncIterator[Trial]:
        yield Trial(ScriptedModel([[ModelUnavailable("down", model="scripted:model")]]))

    @asynccontextmanager
    async def breaking(self, pieces: Sequence[str]) -> AsyncIterator[Trial]:
        events: list[ChatEvent | ModelError] = list(map(TextDelta, pieces))
        events.append(StreamBroken("cut", model="scripted:model"))
        yield Trial(ScriptedModel([events]))

    @asynccontextmanager
    async def endless(self) -> AsyncIterator[Trial]:
        model = Slow(["word " * 100_000])

        async def stopped() -> bool:
            return model.closed == 1

        yield Trial(model, stopped)


@pytest.mark.anyio
class TestProviderModel(ChatConformance):
    uses = "scripted"

    @asynccontextmanager
    async def over(self, reply: Reply) -> AsyncIterator[Trial]:
        async with ModelServer([reply]) as server:

            async def stopped() -> bool:
                with anyio.move_on_after(5):
                    await server.received[-1].gone.wait()
                return server.received[-1].disconnected

            yield Trial(ProviderModel(self.uses, base_url=server.base_url), stopped)

    def saying(self, pieces: Sequence[str]):  # type: ignore[no-untyped-def]
        return self.over(Say("".join(pieces), pieces))

    def failing(self):  # type: ignore[no-untyped-def]
        return self.over(Fail(500))

    def breaking(self, pieces: Sequence[str]):  # type: ignore[no-untyped-def]
        return self.over(Cut(pieces, "close"))

    def endless(self):  # type: ignore[no-untyped-def]
        return self.over(Say("", ["word "] * 10_000, pause=0.01))


@pytest.mark.anyio
class TestResponsesApi(TestProviderModel):
    """The API that ``openai:`` speaks to OpenAI itself."""

    uses = "openai-responses:scripted"


@pytest.mark.anyio
class TestWrapped(TestScriptedModel):
    """Retrying and falling back keep the promises of the models inside."""

    def wrapped(self, trial: Trial) -> Trial:
        retrying = RetryingModel(trial.model, Backoff(attempts=2, base=0, deadline=60))
        return Trial(FallbackModel([retrying]), trial.stopped)

    @asynccontextmanager
    async def saying(self, pieces: Sequence[str]) -> AsyncIterator[Trial]:
        async with super().saying(pieces) as trial:
            yield self.wrapped(trial)

    @asynccontextmanager
    async def failing(self) -> AsyncIterator[Trial]:
        async with super().failing() as trial:
            yield self.wrapped(trial)

    @asynccontextmanager
    async def breaking(self, pieces: Sequence[str]) -> AsyncIterator[Trial]:
        async with super().breaking(pieces) as trial:
            yield self.wrapped(trial)

    @asynccontextmanager
    async def endless(self) -> AsyncIterator[Trial]:
        async with super().endless() as trial:
            yield self.wrapped(trial)
