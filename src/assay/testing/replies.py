"""What a scripted model server can be told to answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from assay.messages import ToolCall
from assay.models.chat import Usage


def error_body(message: str, code: str) -> dict[str, Any]:
    """An error in OpenAI's shape."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


@dataclass(frozen=True, slots=True)
class Say:
    """A complete answer. ``pieces`` are its deltas (None: word by word), ``delay`` and ``pause`` seconds
    before the first and between them. ``reason`` is OpenAI's finish reason."""

    text: str = ""
    pieces: Sequence[str] | None = None
    reasoning: str = ""
    calls: Sequence[ToolCall] = ()
    reason: str = "stop"
    usage: Usage = field(default_factory=lambda: Usage(input=10, output=5))
    model: str = "scripted-2026"
    delay: float = 0.0
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Cut:
    """An answer that ends badly after ``pieces``.

    ``close``: the connection closes. ``unfinished``: the stream ends well but with no finish reason.
    ``malformed``: a chunk that is not JSON. ``empty``: only chunks without choices. ``error``: an error
    object in the stream, as llama.cpp and vLLM send.
    """

    pieces: Sequence[str] = ()
    how: Literal["close", "unfinished", "malformed", "empty", "error"] = "close"
    delay: float = 0.0
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Fail:
    """An HTTP error. ``retry_after`` is that header's value: seconds or an HTTP date."""

    status: int
    retry_after: str | None = None
    body: Mapping[str, Any] = field(default_factory=lambda: error_body("scripted failure", "scripted"))
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Raw:
    """These bytes, whatever they are."""

    body: bytes
    status: int = 200
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Hang:
    """Nothing for ``seconds``, then the connection closes."""

    seconds: float = 3600.0


Reply: TypeAlias = Say | Cut | Fail | Raw | Hang


def context_too_long(style: Literal["openai", "vllm", "llama.cpp", "plain"] = "openai") -> Fail:
    """The 400 that a server of this make gives to a request beyond its window."""
    match style:
        case "openai":
            said = "This model's maximum context length is 128000 tokens. However, your messages resulted in 200000."
            return Fail(400, body=error_body(said, "context_length_exceeded"))
        case "vllm":
            return Fail(
                400,
                body={
                    "object": "error",
                    "message": "This model's maximum context length is 4096 tokens. You requested 5000 tokens.",
                    "type": "BadRequestError",
                    "code": 400,
                },
            )
        case "llama.cpp":
            return Fail(
                400,
                body={
                    "error": {
                        "code": 400,
                        "message": "request (5000 tokens) exceeds the available context size (4096 tokens)",
                        "type": "exceed_context_size_error",
                        "n_prompt_tokens": 5000,
                        "n_ctx": 4096,
                    }
                },
            )
        case "plain":
            return Fail(413, body={"detail": "prompt is too long: 5000 tokens > 4096 maximum"})


def content_filtered() -> Fail:
    return Fail(400, body=error_body("The response was filtered.", "content_filter"))
