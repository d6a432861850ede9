"""What every ChatModel must do. A test class inherits this, says how to make models, and is marked for anyio.

@pytest.mark.anyio
class TestMine(ChatConformance):
    ...
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import anyio

from assay.errors import ModelError
from assay.messages import System, User
from assay.models.chat import ChatEvent, ChatModel, Finished, Request, TextDelta
from assay.models.streams import closing
from assay.models.whole import whole

REQUEST = Request((System("Be brief."), User("Say something.")))
PIECES = ("Grüße", " from", " the\n", "\n model", " 你好", " 👍.", " ")


class Stopped(Protocol):
    async def __call__(self) -> bool:
        """Whether the request was given up at the provider; may wait a moment for it."""
        ...


@dataclass(frozen=True, slots=True)
class Trial:
    """A model, and where asked for the probe that tells whether its last request was stopped."""

    model: ChatModel
    stopped: Stopped | None = None


class ChatConformance(ABC):
    @abstractmethod
    def saying(self, pieces: Sequence[str]) -> AbstractAsyncContextManager[Trial]:
        """A model that answers every request with these pieces, and finishes."""

    @abstractmethod
    def failing(self) -> AbstractAsyncContextManager[Trial]:
        """A model whose provider fails before it says anything."""

    @abstractmethod
    def breaking(self, pieces: Sequence[str]) -> AbstractAsyncContextManager[Trial]:
        """A model whose stream breaks after these pieces."""

    @abstractmethod
    def endless(self) -> AbstractAsyncContextManager[Trial]:
        """A model that goes on saying things for longer than a test lasts; ``stopped`` is given."""

    async def test_one_finished_and_it_is_last(self) -> None:
        async with self.saying(PIECES) as trial:
            events = [event async for event in trial.model.stream(REQUEST)]
        assert isinstance(events[-1], Finished)
        assert sum(isinstance(event, Finished) for event in events) == 1

    async def test_deltas_make_up_the_text(self) -> None:
        async with self.saying(PIECES) as trial:
            events = [event async for event in trial.model.stream(REQUEST)]
        final = events[-1]
        assert isinstance(final, Finished)
        assert _text(events) == final.text
        assert final.text == "".join(PIECES)
        assert all(event.text for event in events if isinstance(event, TextDelta)), "an empty delta says nothing"
        assert sum(isinstance(event, TextDelta) for event in events) > 1, "nothing was streamed"

    async def test_the_end_says_what_was_used(self) -> None:
        async with self.saying(PIECES) as trial:
            final = [event async for event in trial.model.stream(REQUEST)][-1]
        assert isinstance(final, Finished)
        assert final.usage.input > 0
        assert final.usage.output > 0
        assert final.model
        assert final.reason == "stop"

    async def test_a_model_answers_again_and_again(self) -> None:
        async with self.saying(("one", " two")) as trial:
            texts = [_text([event async for event in trial.model.stream(REQUEST)]) for _ in range(3)]
        assert texts == ["one two"] * 3

    async def test_failures_are_model_errors(self) -> None:
        async with self.failing() as trial:
            error = await _error(trial.model)
        assert error is not None
        assert trial.model.identity in str(error)
        assert "\n" not in str(error)

    async def test_a_broken_stream_is_an_error_after_what_was_said(self) -> None:
        async with self.breaking(("Half", " an")) as trial:
            events: list[ChatEvent] = []
            error = await _error(trial.model, events)
        assert error is not None
        assert error.retryable
        assert _text(events) == "Half an"
        assert not any(isinstance(event, Finished) for event in events)

    async def test_closing_the_iterator_stops_the_request(self) -> None:
        async with self.endless() as trial:
            assert trial.stopped is not None
            async with closing(trial.model.stream(REQUEST)) as events:
                async for event in events:
                    assert isinstance(event, TextDelta)
                    break
            assert await trial.stopped()

    async def test_a_whole_reply_is_the_end_of_the_stream(self) -> None:
        async with self.saying(PIECES) as trial:
            final = [event async for event in trial.model.stream(REQUEST)][-1]
            assert await whole(trial.model, REQUEST) == final

    async def test_a_whole_reply_fails_as_the_stream_does(self) -> None:
        async with self.failing() as trial:
            streamed, said = await _error(trial.model), await _whole_error(trial.model)
        assert said is not None
        assert (type(said), said.retryable, str(said)) == (
            type(streamed),
            streamed and streamed.retryable,
            str(streamed),
        )

    async def test_half_a_reply_is_never_a_whole_one(self) -> None:
        async with self.breaking(("Half", " an")) as trial:
            streamed, said = await _error(trial.model), await _whole_error(trial.model)
        assert said is not None
        assert type(said) is type(streamed)
        assert said.retryable

    async def test_cancelling_a_whole_reply_stops_the_request(self) -> None:
        async with self.endless() as trial:
            assert trial.stopped is not None
            finished = None
            with anyio.move_on_after(0.2):
                finished = await whole(trial.model, REQUEST)
            assert finished is None, "it goes on for longer than this"
            assert await trial.stopped()

    async def test_it_says_who_it_is_and_counts(self) -> None:
        async with self.saying(PIECES) as trial:
            model = trial.model
            assert model.identity
            assert model.window is None or model.window > 0
            assert model.count("") == 0
            assert 0 < model.count("two words") <= len("two words")


def _text(events: Sequence[ChatEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def _error(model: ChatModel, events: list[ChatEvent] | None = None) -> ModelError | None:
    try:
        async for event in model.stream(REQUEST):
            if events is not None:
                events.append(event)
    except ModelError as error:
        return error
    return None


async def _whole_error(model: ChatModel) -> ModelError | None:
    try:
        await whole(model, REQUEST)
    except ModelError as error:
        return error
    return None
