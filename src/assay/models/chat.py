"""The port of a chat model: one request, a stream of events, exactly one of them final."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from assay.messages import Message, ToolCall


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more calls. ``cached`` is the part of ``input`` read from the provider's cache,
    ``reasoning`` the part of ``output`` that was not shown; neither is counted again."""

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cached + other.cached,
            self.reasoning + other.reasoning,
        )


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may ask for; ``parameters`` is a JSON schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked. ``temperature`` None leaves the provider's default."""

    messages: tuple[Message, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    tools: tuple[Tool, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """Thinking that the provider shows apart from the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of every successful stream. ``model`` is the id that the provider returned.

    ``cost`` is in US dollars, None where no price is known; ``prices_as_of`` the date of the price list.
    """

    text: str
    calls: tuple[ToolCall, ...]
    usage: Usage
    model: str
    reason: str
    cost: float | None = None
    prices_as_of: str | None = None


ChatEvent: TypeAlias = TextDelta | ReasoningDelta | Finished


class ChatModel(Protocol):
    """A model that writes.

    ``stream`` yields deltas as they arrive, unbuffered, then exactly one Finished, or
    raises a ModelError. Closing the iterator ends the request at the provider. Who needs no deltas asks
    through ``whole``, which takes a model's own ``complete`` where it has one.
    """

    @property
    def identity(self) -> str:
        """``provider:model`` as configured; no secrets."""
        ...

    @property
    def window(self) -> int | None:
        """Context window in tokens, None when unknown."""
        ...

    def count(self, text: str) -> int:
        """Tokens of ``text`` by the model's tokenizer, or an upper estimate where there is none at hand."""
        ...

    def stream(self, request: Request) -> AsyncIterator[ChatEvent]: ...
