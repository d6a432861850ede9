"""The writer that asks a chat model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from assay.answering.events import Question
from assay.answering.prompt import Prompt, render
from assay.answering.reading import Reading
from assay.answering.writer import Asked, WriterEvent, Written
from assay.errors import StreamBroken
from assay.messages import Turn
from assay.models.chat import ChatModel, Finished, Request, TextDelta
from assay.models.streams import closing

HISTORY_TOKENS = 1_000


class PromptedWriter:
    """Fills a prompt with the evidence and streams what the model makes of it."""

    def __init__(
        self,
        model: ChatModel,
        prompt: Prompt,
        *,
        app: str,
        temperature: float | None = 0.0,
        max_tokens: int | None = 1_024,
        history_tokens: int = HISTORY_TOKENS,
        seed: int | None = None,
    ) -> None:
        self._model, self._prompt, self._app = model, prompt, app
        self._temperature, self._max_tokens, self._seed = temperature, max_tokens, seed
        self._history_tokens = history_tokens

    @property
    def identity(self) -> str:
        return self._model.identity

    def count(self, text: str) -> int:
        """Tokens by the model's own tokenizer."""
        return self._model.count(text)

    async def write(self, question: Question, reading: Reading) -> AsyncGenerator[WriterEvent, None]:
        """Ask the model. Raises ModelError, StreamBroken too where it ends without a final event."""
        messages = render(
            self._prompt,
            question=question.text,
            context=reading.context,
            history=last_turns(question.history, self._history_tokens, self._model),
            app=self._app,
        )
        yield Asked(messages, self._temperature, self._max_tokens)
        request = Request(messages, self._temperature, self._max_tokens, seed=self._seed)
        async with closing(self._model.stream(request)) as events:
            async for event in events:
                match event:
                    case TextDelta():
                        yield event
                    case Finished():
                        yield Written(event.model, event.usage, event.cost, event.reason, event.prices_as_of)
                        return
        raise StreamBroken("the stream ended without a final event", model=self.identity)


def last_turns(history: Sequence[Turn], budget: int, model: ChatModel) -> tuple[Turn, ...]:
    """The latest turns, oldest first, that fit ``budget`` tokens; the first of them is the user's."""
    kept: list[Turn] = []
    for turn in reversed(history):
        budget -= model.count(turn.text) + 4  # what templates put around a turn
        if budget < 0:
            break
        kept.append(turn)
    while kept and kept[-1].role != "user":
        kept.pop()
    return tuple(reversed(kept))
