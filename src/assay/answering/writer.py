"""The port of a writer: turns evidence into the words of an answer.

A writer marks what it draws on by the passage's number, ``[1]`` or ``[1][3]``, after the
words that rest on it. What it claims is checked by others, sentence by sentence, before it
is shown.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from assay.answering.events import Question
from assay.answering.reading import Reading
from assay.messages import Message
from assay.models.chat import TextDelta, Usage


@dataclass(frozen=True, slots=True)
class Asked:
    """What goes to a model, before it has said anything; for the trace."""

    messages: tuple[Message, ...]
    temperature: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The end of every draft. ``reason`` is the model's own for stopping: ``stop``, ``length``, …

    ``cost`` is in US dollars, None where no price is known.
    """

    model: str
    usage: Usage
    cost: float | None
    reason: str = "stop"
    prices_as_of: str | None = None


WriterEvent: TypeAlias = Asked | TextDelta | Written


class Writer(Protocol):
    """Writes an answer from evidence."""

    @property
    def identity(self) -> str:
        """``provider:model``, or the writer's own name."""
        ...

    def count(self, text: str) -> int:
        """Tokens of ``text``, as the budget of the context counts them."""
        ...

    def write(self, question: Question, reading: Reading) -> AsyncGenerator[WriterEvent, None]:
        """At most one Asked, then text deltas, then exactly one Written. Raises ModelError.

        The evidence is ``reading.context``; what it says to the question has been read already.
        Closing the generator stops the work.
        """
        ...
