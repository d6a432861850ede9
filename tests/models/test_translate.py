"""Foreign exceptions, one by one; what a real connection raises is tested in test_providers.py."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.exceptions import UnexpectedModelBehavior, UserError

from assay.errors import (
    ContextTooLong,
    InvalidOutput,
    ModelError,
    ModelRefusedRequest,
    ModelTimeout,
    ModelUnavailable,
    StreamBroken,
)
from assay.models.translate import retry_after, translate

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
REQUEST = httpx2.Request("POST", "http://localhost/v1")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Sun, 22 Nov 2026 12:01:00 GMT"}, 60),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_retry_after(headers: dict[str, str] | None, seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("error", "streaming", "kind"),
    [
        (openai.APITimeoutError(REQUEST), False, ModelTimeout),
        (httpx2.ReadTimeout("slow"), True, ModelTimeout),
        (TimeoutError(), False, ModelTimeout),
        (openai.APIConnectionError(request=REQUEST), False, ModelUnavailable),
        (httpx2.ConnectError("refused"), True, ModelUnavailable),
        (httpx2.RemoteProtocolError("peer closed connection"), True, StreamBroken),
        (ConnectionResetError(), True, StreamBroken),
        (ConnectionResetError(), False, ModelUnavailable),
        (UserError("no such setting"), False, ModelRefusedRequest),
        (UnexpectedModelBehavior("empty"), True, InvalidOutput),
        (RuntimeError("what is this?"), False, InvalidOutput),
    ],
)
def test_transport(error: Exception, streaming: bool, kind: type[ModelError]) -> None:
    assert type(translate(error, model="m", streaming=streaming)) is kind


def test_ours_stay_ours() -> None:
    error = ModelTimeout("slow", model="m")
    assert translate(error, model="other") is error


@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 4096 tokens, however you requested 5000 tokens",
        "the request exceeds the available context size, try increasing it",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "Please reduce the length of the messages or completion.",
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
        "Trying to keep the first 9000 tokens when context overflows. However, the model is loaded with context length",
    ],
)
def test_words_for_a_full_window(said: str) -> None:
    response = httpx2.Response(400, request=REQUEST)
    error = openai.BadRequestError(said, response=response, body={"message": said})
    assert isinstance(translate(error, model="m"), ContextTooLong)


@given(st.text(max_size=2000))
def test_messages_are_one_short_line_without_the_key(said: str) -> None:
    response = httpx2.Response(500, request=REQUEST)
    body = {"error": {"message": f"{said} TOPSECRET {said}"}}
    error = openai.InternalServerError("x", response=response, body=body)
    message = str(translate(error, model="m", secrets=("TOPSECRET",)))
    assert "TOPSECRET" not in message
    assert len(message.splitlines()) == 1
    assert len(message) < 400
