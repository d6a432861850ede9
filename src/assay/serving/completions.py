"""An answer in OpenAI's objects. What these have no place for travels in the field ``assay``.

The text carries the marks of ``assay.answering.numbering``, so that a client that knows nothing
of the extension shows ``... four days. [1]``; ``assay.citations[0]`` is then what ``[1]`` stands for.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence

from assay.answering.events import Answer, Sentence
from assay.answering.numbering import Numbering
from assay.models.chat import Usage
from assay.serving.schemas import (
    AbstainedOut,
    AnswerExtension,
    ChatChunk,
    ChatCompletion,
    Choice,
    ChunkChoice,
    CitationOut,
    CompletionTokens,
    Delta,
    PromptTokens,
    ReplyMessage,
    SentenceExtension,
    UsageOut,
)


class Completion:
    """One answer while it is told: feed it the sentences, then the end. All parts have one id.

    The id names the answer's trace and its span there, since several requests may be part of one trace of their
    caller's: so feedback that names the completion finds what it is about.
    """

    def __init__(self, model: str, warnings: Sequence[str]) -> None:
        self._model, self._warnings = model, list(warnings)
        self._id, self._created = "", int(time.time())
        self._numbering = Numbering()
        self._text = ""

    def begin(self) -> ChatChunk:
        """The first chunk, as OpenAI's streams begin: it says who speaks, and nothing yet. Only once something was
        fed, since before the answer has no id."""
        return self._chunk([ChunkChoice(delta=Delta(role="assistant", content=""))])

    def sentence(self, event: Sentence) -> ChatChunk:
        """The chunk for a sentence."""
        self._named(event)
        shown = self._numbering.show(event)
        citations = [CitationOut.of(number, c) for number, c in enumerate(event.citations, shown.first)]
        extension = SentenceExtension(citations=citations, supported=event.supported)
        return self._said(shown.text).model_copy(update={"assay": extension})

    def end(self, event: Answer) -> list[ChatChunk]:
        """The chunks that end a stream that went well."""
        self._named(event)
        detail = [] if self._text else [self._said(event.text)]
        extension = self._extension(event)
        last = self._chunk([ChunkChoice(delta=Delta(assay=extension), finish_reason="stop")])
        return [*detail, last.model_copy(update={"assay": extension})]

    def usage(self, event: Answer) -> ChatChunk:
        """The chunk that a client asks for by ``include_usage``."""
        return self._chunk([]).model_copy(update={"usage": _usage(event.usage)})

    def whole(self, event: Answer) -> ChatCompletion:
        """All at once, after the sentences."""
        self._named(event)
        return ChatCompletion(
            id=self._id,
            created=self._created,
            model=self._model,
            choices=[Choice(message=ReplyMessage(content=self._text or event.text))],
            usage=_usage(event.usage),
            assay=self._extension(event),
        )

    def _named(self, event: Sentence | Answer) -> None:
        if not self._id:
            self._id = f"chatcmpl-{event.trace}{event.span}" if event.trace else f"chatcmpl-{secrets.token_hex(16)}"

    def _said(self, text: str) -> ChatChunk:
        self._text += text
        return self._chunk([ChunkChoice(delta=Delta(content=text))])

    def _chunk(self, choices: list[ChunkChoice]) -> ChatChunk:
        return ChatChunk(id=self._id, created=self._created, model=self._model, choices=choices)

    def _extension(self, event: Answer) -> AnswerExtension:
        gone = event.abstained
        return AnswerExtension(
            citations=[CitationOut.of(number, citation) for number, citation in enumerate(event.citations, 1)],
            abstained=AbstainedOut(reason=gone.reason, detail=gone.detail) if gone else None,
            confidence=event.confidence,
            model=event.model,
            release=event.release,
            trace=event.trace,
            cost=event.cost,
            milliseconds=event.milliseconds,
            warnings=[*self._warnings, *(f"{failure}; {event.model} answered" for failure in event.failures)],
        )


def _usage(usage: Usage) -> UsageOut:
    return UsageOut(
        prompt_tokens=usage.input,
        completion_tokens=usage.output,
        total_tokens=usage.input + usage.output,
        prompt_tokens_details=PromptTokens(cached_tokens=usage.cached),
        completion_tokens_details=CompletionTokens(reasoning_tokens=usage.reasoning),
    )
