"""What comes back over the wire: OpenAI's chat-completion objects, and Assay's extension of them.

A field that OpenAI's client expects is there even when it is null.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, Field

from assay.documents import Citation
from assay.retrieval.found import Candidate


def _absent(value: Any) -> bool:
    return value is None


class CitationOut(BaseModel):
    """A span that supports a sentence: `quote` is the document's text from `start` to `end`."""

    number: Annotated[int, Field(ge=1, description="The `[number]` behind the sentence in the answer's text.")]
    document: str
    chunk: str
    start: int
    end: int
    quote: str
    sentence: str

    @classmethod
    def of(cls, number: int, citation: Citation) -> CitationOut:
        return cls(
            number=number,
            document=citation.document,
            chunk=citation.chunk,
            start=citation.start,
            end=citation.end,
            quote=citation.quote,
            sentence=citation.sentence,
        )


class SentenceExtension(BaseModel):
    """Assay's part of a streamed sentence."""

    citations: list[CitationOut]
    supported: Annotated[bool, Field(description="Whether its support was found.")]


class AbstainedOut(BaseModel):
    """Why nothing was answered."""

    reason: str
    detail: str


class AnswerExtension(BaseModel):
    """Assay's part of an answer, in the field `assay` of the response or of the last chunk.

    `citations[n - 1]` is what `[n]` in the text stands for.
    """

    citations: list[CitationOut]
    abstained: AbstainedOut | None
    confidence: float
    model: Annotated[str, Field(description="What wrote the answer; empty where nothing was written.")]
    release: str
    trace: str
    cost: Annotated[float | None, Field(description="US dollars; null where a price is unknown.")]
    milliseconds: float
    warnings: list[str]


class PromptTokens(BaseModel):
    cached_tokens: int


class CompletionTokens(BaseModel):
    reasoning_tokens: int


class UsageOut(BaseModel):
    """Tokens of the model that wrote the answer."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokens
    completion_tokens_details: CompletionTokens


class ReplyMessage(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class Choice(BaseModel):
    index: int = 0
    message: ReplyMessage
    finish_reason: Literal["stop"] = "stop"
    logprobs: None = None


class ChatCompletion(BaseModel):
    """A whole answer. In its text, `[n]` behind a sentence stands for the n-th of `assay.citations`."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: UsageOut
    assay: AnswerExtension


class Delta(BaseModel):
    """What a chunk adds to the message. `assay` comes in the last one, where helpers that gather a stream
    into one message keep it; of a chunk's own fields they keep the first."""

    role: Annotated[Literal["assistant"] | None, Field(exclude_if=_absent)] = None
    content: Annotated[str | None, Field(exclude_if=_absent)] = None
    assay: Annotated[AnswerExtension | None, Field(exclude_if=_absent)] = None


class ChunkChoice(BaseModel):
    index: int = 0
    delta: Delta
    finish_reason: Literal["stop"] | None = None
    logprobs: None = None


class ChatChunk(BaseModel):
    """One event of a streamed answer: a checked sentence, the end, or the usage."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: UsageOut | None = None
    assay: Annotated[SentenceExtension | AnswerExtension | None, Field(exclude_if=_absent)] = None


class ModelOut(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "assay"


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelOut]


class HitOut(BaseModel):
    """A chunk that was found."""

    document: str
    chunk: str
    score: float
    start: int
    end: int
    title: str
    headings: list[str]
    page: str | None
    text: str

    @classmethod
    def of(cls, hit: Candidate) -> HitOut:
        chunk = hit.chunk
        return cls(
            document=chunk.document,
            chunk=chunk.id,
            score=hit.score,
            start=chunk.start,
            end=chunk.end,
            title=chunk.title,
            headings=list(chunk.headings),
            page=chunk.page,
            text=chunk.text,
        )


class SearchResponse(BaseModel):
    hits: list[HitOut]
    milliseconds: float


class FeedbackResponse(BaseModel):
    """What was said of an answer is kept."""

    id: str
    trace: str
    release: str
    first: Annotated[
        bool,
        Field(description="Whether this is the caller's first rating of the answer, which is the one that counts."),
    ]


class ErrorBody(BaseModel):
    message: str
    type: str
    param: str | None = None
    code: str | None = None
    trace: Annotated[str | None, Field(exclude_if=_absent, description="The trace that tells more.")] = None


class ErrorResponse(BaseModel):
    """Every error has this shape, which is OpenAI's."""

    error: ErrorBody


class Health(BaseModel):
    status: Literal["ok"] = "ok"


State: TypeAlias = Literal["ready", "not ready"]


class Readiness(BaseModel):
    status: State
    release: str
    problems: list[str]
