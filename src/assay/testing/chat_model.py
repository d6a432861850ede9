"""A chat model that says what it was given, for tests of everything above the port."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from assay.errors import ModelError
from assay.models.chat import ChatEvent, Finished, Request, TextDelta, Usage

Scripted: TypeAlias = str | Sequence[ChatEvent | ModelError]
"""A text, said word by word; or events as they are, with an error where the stream breaks."""


@dataclass(slots=True)
class ScriptedModel:
    """Answers the nth request with the nth of ``script``, or its last; or with what the function returns.

    Tokens are words. ``requests`` are all so far, ``closed`` counts streams that were given up early.
    """

    script: Sequence[Scripted] | Callable[[Request], Scripted]
    identity: str = "scripted:model"
    window: int | None = None
    requests: list[Request] = field(default_factory=list)
    closed: int = 0

    def count(self, text: str) -> int:
        return len(text.split())

    async def stream(self, request: Request) -> AsyncIterator[ChatEvent]:
        self.requests.append(request)
        said = self._next(request)
        events = self._say(said, request) if isinstance(said, str) else list(said)
        complete = False
        try:
            for event in events:
                if isinstance(event, ModelError):
                    complete = True
                    raise event
                complete = isinstance(event, Finished)
                yield event
        finally:
            self.closed += not complete

    def _next(self, request: Request) -> Scripted:
        if callable(self.script):
            return self.script(request)
        return self.script[min(len(self.requests), len(self.script)) - 1]

    def _say(self, text: str, request: Request) -> list[ChatEvent | ModelError]:
        asked = sum(self.count(getattr(message, "text", "")) for message in request.messages)
        usage = Usage(input=asked, output=self.count(text))
        pieces = re.findall(r"\s*\S+\s*$|\s*\S+|\s+$", text)
        return [*map(TextDelta, pieces), Finished(text, (), usage, self.identity, "stop")]
