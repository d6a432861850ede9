"""What may be asked over the wire: OpenAI's chat-completion request, with Assay's extension, and a search.

Request fields that Assay has no use for are accepted, as OpenAI-compatible servers do, since
clients send many; an answer names those it ignored. What would promise something that is not
done (tools, several choices, an output format) is refused by name. Types are not coerced.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Strict,
    Tag,
    WithJsonSchema,
    model_validator,
)

from assay.documents import Scalar
from assay.stores.scoping import is_unicode

MAX_TEXT = 100_000
"""Characters of one message; longer ones are refused before any work is done."""
SILENT = frozenset({"metadata", "store", "service_tier", "prompt_cache_key", "prompt_cache_retention"})
"""Fields for a provider's book-keeping: that they are ignored changes no answer."""

MAX_NAME = 500
"""Characters of a model's name."""
MAX_IDENTITY = 500
"""Characters of what names a user or a session."""
FILTERS = 100
"""At most so many filters in one request."""


def _scalar(value: Any) -> Any:
    if not isinstance(value, str | int | float) or (isinstance(value, str) and not is_unicode(value)):
        raise ValueError("only text, numbers and booleans filter")
    return value


Filter: TypeAlias = Annotated[
    Scalar, PlainValidator(_scalar), WithJsonSchema({"type": ["string", "number", "boolean"]})
]
Where: TypeAlias = Annotated[
    dict[str, Filter],
    Field(max_length=FILTERS, description="Only documents whose metadata has these values are used."),
]
Text: TypeAlias = Annotated[str, Field(max_length=MAX_TEXT)]
Switch: TypeAlias = Annotated[bool, Strict()]
Identity: TypeAlias = Annotated[
    str | None,
    Field(max_length=MAX_IDENTITY, description="Names the user, who keeps their release under a rollout."),
]


class TextPart(BaseModel):
    """A part of a message's content; only text can be answered."""

    type: Literal["text"]
    text: Text


def _form(content: object) -> str:
    return "parts" if isinstance(content, list) else "text"


Content: TypeAlias = Annotated[
    Annotated[Text, Tag("text")] | Annotated[list[TextPart], Tag("parts")], Discriminator(_form)
]


class AskingMessage(BaseModel):
    """What the user, or whoever wrote the client, said."""

    role: Literal["system", "developer", "user"]
    content: Content

    @property
    def text(self) -> str:
        """The content as one text."""
        return _joined(self.content)


class AssistantMessage(BaseModel):
    """What was answered before."""

    role: Literal["assistant"]
    content: Content | None = None

    @property
    def text(self) -> str:
        """The content as one text."""
        return _joined(self.content or "")


def _joined(content: str | list[TextPart]) -> str:
    return content if isinstance(content, str) else "\n".join(part.text for part in content)


ChatMessage: TypeAlias = Annotated[AskingMessage | AssistantMessage, Field(discriminator="role")]


class StreamOptions(BaseModel):
    include_usage: Switch = Field(False, description="Send one more chunk at the end, with the usage.")


class AnswerOptions(BaseModel):
    """Assay's part of a request, in the field `assay`."""

    model_config = ConfigDict(extra="forbid")

    where: Where = {}
    session: Annotated[
        str | None,
        Field(max_length=MAX_IDENTITY, description="Names the conversation, which keeps its release under a rollout."),
    ] = None


def _no_tools(value: Any) -> Any:
    if value:
        raise ValueError("this server answers from documents and calls no tools; leave it out")
    return value


def _plain_text(value: Any) -> Any:
    if value is not None and (not isinstance(value, dict) or value.get("type") != "text"):
        raise ValueError("answers are plain text; leave it out")
    return value


def _one(value: Any) -> Any:
    if value is not None and (isinstance(value, bool) or value != 1):
        raise ValueError("one answer is made for a question; leave it out or send 1")
    return value


_NO_TOOLS = {"anyOf": [{"type": "array", "maxItems": 0}, {"type": "null"}], "description": "Tools are not called."}
_PLAIN = {
    "anyOf": [
        {"type": "object", "properties": {"type": {"const": "text"}}, "required": ["type"]},
        {"type": "null"},
    ]
}
_ONE = {"anyOf": [{"const": 1}, {"type": "null"}], "description": "One answer is made; more are refused."}
NoTools: TypeAlias = Annotated[list[Any] | None, AfterValidator(_no_tools), WithJsonSchema(_NO_TOOLS)]


class ChatRequest(BaseModel):
    """A chat-completion request. The last message must be the user's question."""

    model_config = ConfigDict(extra="allow")

    model: Annotated[str, Field(max_length=MAX_NAME, description="The application's name, or its release's digest.")]
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=500)]
    stream: Switch | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[Any, AfterValidator(_one), WithJsonSchema(_ONE)] = None
    tools: NoTools = None
    functions: NoTools = None
    response_format: Annotated[Any, AfterValidator(_plain_text), WithJsonSchema(_PLAIN)] = None
    user: Identity = None
    safety_identifier: Identity = None
    assay: AnswerOptions = AnswerOptions()

    @property
    def identity(self) -> str | None:
        """The user whom the request names."""
        return self.user or self.safety_identifier or None

    @property
    def ignored(self) -> list[str]:
        """Names of fields that were sent and change nothing."""
        extra = self.model_extra or {}
        return sorted(name for name, value in extra.items() if value is not None and name not in SILENT)


class SearchRequest(BaseModel):
    """A search without an answer."""

    model_config = ConfigDict(extra="forbid")

    query: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
    k: Annotated[int, Strict(), Field(ge=1, le=200)] = 10
    mode: Literal["dense", "lexical", "hybrid"] | None = None
    where: Where = {}


class FeedbackRequest(BaseModel):
    """What somebody says of an answer: a rating, a better answer, or both."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=MAX_NAME, description="The completion's `id`, or the trace's.")]
    rating: Annotated[
        Literal["up", "down"] | Annotated[float, Strict(), Field(ge=0, le=1)] | None,
        Field(description="`up`, `down`, or a score from 0 to 1."),
    ] = None
    correction: Annotated[
        str | None, Field(min_length=1, max_length=MAX_TEXT, description="What the answer should have been.")
    ] = None
    comment: Annotated[str | None, Field(max_length=MAX_TEXT)] = None
    user: Identity = None

    @model_validator(mode="after")
    def _something(self) -> FeedbackRequest:
        if self.rating is None and not (self.correction or "").strip():
            raise ValueError("say rating, correction, or both")
        return self

    @property
    def score(self) -> float | None:
        """The rating as a number from 0 to 1."""
        return {"up": 1.0, "down": 0.0}[self.rating] if isinstance(self.rating, str) else self.rating
