"""What goes over the wire: OpenAI's chat-completion objects, and Assay's extension of them.

Unknown request fields are accepted and ignored, as OpenAI-compatible servers do, since
clients send many. What Assay does not do (tools, several choices) is refused by name.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from assay.documents import Citation
from assay.retrieval.found import Candidate

MAX_TEXT = 100_000
"""Characters of one message; longer ones are refused before any work is done."""


class TextPart(BaseModel):
    """A part of a message's content; only text can be answered."""

    type: Literal["text"]
    text: Annotated[str, Field(max_length=MAX_TEXT)]


class ChatMessage(BaseModel):
    """A message as the chat-completions API defines it."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[str, Field(max_length=MAX_TEXT)] | list[TextPart]

    @property
    def text(self) -> str:
        """The content as one text."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content)


class StreamOptions(BaseModel):
    include_usage: bool = False


class ChatRequest(BaseModel):
    """A chat-completion request. The last message must be the user's question."""

    model_config = ConfigDict(extra="ignore")

    model: str = Field(description="The application's name, or a release's digest.")
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=500)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = Field(None, description="One answer is made; more are refused.")
    metadata: dict[str, str] | None = Field(
        None, description="Filters: only documents whose metadata has these values are used."
    )


class CitationOut(BaseModel):
    """A span that supports a sentence: `quote` is the document's text from `start` to `end`."""

    document: str
    chunk: str
    start: int
    end: int
    quote: str
    sentence: str

    @classmethod
    def of(cls, citation: Citation) -> CitationOut:
        return cls(
            document=citation.document,
            chunk=citation.chunk,
            start=citation.start,
            end=citation.end,
            quote=citation.quote,
            sentence=citation.sentence,
        )


class AbstainedOut(BaseModel):
    """Why nothing was answered."""

    reason: str
    detail: str


class AnswerExtension(BaseModel):
    """Assay's part of a response, in the field `assay`."""

    citations: list[CitationOut]
    supported: Annotated[
        bool | None, Field(description="On a streamed sentence: whether its support was found.")
    ] = None
    abstained: AbstainedOut | None = None
    confidence: float | None = None
    release: str | None = None
    trace: str | None = None
    cost: Annotated[float | None, Field(description="US dollars; absent where a price is unknown.")] = None
    milliseconds: float | None = None
    warnings: list[str] = []


class UsageOut(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


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
    """A whole answer."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: UsageOut
    assay: AnswerExtension


class Delta(BaseModel):
    role: Literal["assistant"] | None = None
    content: str | None = None


class ChunkChoice(BaseModel):
    index: int = 0
    delta: Delta
    finish_reason: Literal["stop"] | None = None


class ChatChunk(BaseModel):
    """One event of a streamed answer: a checked sentence, or the end."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: UsageOut | None = None
    assay: AnswerExtension | None = None


class ModelOut(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "assay"


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelOut]


class SearchRequest(BaseModel):
    """A search without an answer."""

    model_config = ConfigDict(extra="forbid")

    query: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
    k: Annotated[int, Field(ge=1, le=200)] = 10
    mode: Literal["dense", "lexical", "hybrid"] | None = None
    where: dict[str, str | int | float | bool] = {}


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


class ErrorBody(BaseModel):
    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorResponse(BaseModel):
    """Every error has this shape, which is OpenAI's."""

    error: ErrorBody


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    status: Literal["ready", "not ready"]
    release: str
    problems: list[str]
