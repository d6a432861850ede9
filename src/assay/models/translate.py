"""Foreign exceptions of model calls become Assay's, here and nowhere else.

The packages that raise them (openai, httpx, httpx2, pydantic_ai) are not imported before one of
their exceptions arrives: then they are loaded already.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from assay.errors import (
    AuthenticationFailed,
    ContentFiltered,
    ContextTooLong,
    InvalidOutput,
    ModelError,
    ModelRefusedRequest,
    ModelTimeout,
    ModelUnavailable,
    RateLimited,
    StreamBroken,
)

LONGEST = 300
"""Characters of a provider's own words that are passed on."""

CONTEXT = re.compile(
    r"maximum context length|context[_ ](length|window|size)|reduce the length of the (messages|prompt|input)"
    r"|prompt is too long|input is too long|input token count|number of tokens allowed|context overflow"
    r"|too (large|long) for model|longer than the model's context",
    re.IGNORECASE,
)
"""How OpenAI, vLLM, llama.cpp, Ollama, LM Studio, Anthropic, Google, Mistral and Groq word an overflow."""

CONTEXT_CODES = frozenset(
    {"context_length_exceeded", "exceed_context_size_error", "string_above_max_length", "model_max_prompt_tokens"}
)
FILTER_CODES = frozenset(
    {"content_filter", "content_policy_violation", "moderation_blocked", "responsibleaipolicyviolation"}
)
QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "exceeded_current_quota_error"})

SECRETS = re.compile(
    r"(?:sk|pk|rk|gsk|xai|key)[-_][A-Za-z0-9*_\-]{6,}|AIza[\w\-]{10,}|(?i:bearer)\s+\S+"
    r"|(?i:(?:api[-_]?key|key|token|authorization)\s*[=:]\s*)[^\s&,;\"']{6,}"
)


@dataclass(frozen=True, slots=True)
class Failure:
    """What a reply or an exception says, freed of the package it came from.

    ``status`` is None where there was no HTTP reply or it had begun well.
    """

    message: str
    status: int | None = None
    codes: frozenset[str] = frozenset()
    retry_after: float | None = None


def translate(
    error: Exception,
    *,
    model: str,
    key_name: str | None = None,
    secrets: Iterable[str] = (),
    streaming: bool = False,
) -> ModelError:
    """The ModelError that a foreign exception is.

    ``key_name`` is the environment variable of the key, ``secrets`` what no message may show,
    ``streaming`` whether the reply had begun.
    """
    if isinstance(error, ModelError):
        return error
    found = _transport(error, model, streaming=streaming)
    if found is not None:
        return found
    failure = _failure(error)
    if "pydantic_ai.UserError" in _names(error):
        return ModelRefusedRequest(f"this request cannot be sent: {_clean(error, secrets)}", model=model)
    if failure is None:
        return InvalidOutput(f"the reply could not be understood: {_clean(error, secrets)}", model=model)
    return _classify(failure, model, key_name, secrets, streaming=streaming)


def retry_after(headers: Mapping[str, str] | None, now: datetime | None = None) -> float | None:
    """Seconds to wait by ``retry-after-ms`` or ``Retry-After`` (seconds or HTTP date); None where not said."""
    if headers is None:
        return None
    milliseconds, value = headers.get("retry-after-ms"), headers.get("retry-after")
    for text, scale in ((milliseconds, 1000.0), (value, 1.0)):
        try:
            seconds = float(text or "") / scale
        except ValueError:
            continue
        return seconds if 0 <= seconds < float("inf") else None
    try:
        date = parsedate_to_datetime(value or "")
    except (ValueError, TypeError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def _transport(error: Exception, model: str, *, streaming: bool) -> ModelError | None:
    """Errors on the way, before there is anything to read."""
    names, root = _names(error), _root(error)
    if names & {
        "openai.APITimeoutError",
        "httpx.TimeoutException",
        "httpx2.TimeoutException",
        "pydantic_ai.ModelTimeoutError",
        "pydantic_ai.ModelRequestTimeout",
        "builtins.TimeoutError",
    }:
        return ModelTimeout("no answer within the time allowed; raise timeout or try again", model=model)
    if isinstance(root, json.JSONDecodeError | UnicodeDecodeError):
        return InvalidOutput("the reply is not the JSON that the API promises", model=model)
    if names & {
        "openai.APIConnectionError",
        "httpx.TransportError",
        "httpx2.TransportError",
        "httpx.StreamError",
        "httpx2.StreamError",
        "pydantic_ai.ModelConnectionError",
        "builtins.OSError",
    }:
        # Of a whole answer only the words tell that it had begun.
        begun = streaming or "complete message body" in str(root)
        # A failure to connect is never the middle of an answer, whenever it is reported.
        if begun and not names & {"httpx.ConnectError", "httpx2.ConnectError"}:
            return StreamBroken("the connection closed before the answer was finished", model=model)
        return ModelUnavailable(
            f"cannot reach the model's server ({type(root).__name__}); is it running, is base_url right?",
            model=model,
        )
    return None


def _failure(error: Exception) -> Failure | None:
    """What an exception of openai or pydantic_ai says about the reply; None for any other."""
    packages = {kind.__module__.split(".")[0] for kind in type(error).__mro__}
    if "pydantic_ai" in packages:
        return _pydantic_ai_failure(error)
    if "openai" in packages:
        import openai

        if isinstance(error, openai.APIStatusError):
            headers = {name.lower(): value for name, value in error.response.headers.items()}
            return Failure(
                _words(error.body) or error.message,
                error.status_code,
                _codes(error.body),
                retry_after(headers),
            )
        if isinstance(error, openai.APIError):
            return Failure(_words(error.body) or error.message, None, _codes(error.body))
    return None


def _pydantic_ai_failure(error: Exception) -> Failure | None:
    from pydantic_ai import exceptions

    if isinstance(error, exceptions.ContentFilterError):
        return Failure(str(error), None, frozenset({"content_filter"}))
    if not isinstance(error, exceptions.ModelAPIError):
        return None
    codes = {error.provider_error_code, error.provider_error_type} | _codes(error.body)
    named: dict[type[Exception], str] = {
        exceptions.ModelContextWindowExceededError: "context_length_exceeded",
        exceptions.ModelQuotaExceededError: "insufficient_quota",
    }
    codes |= {code for kind, code in named.items() if isinstance(error, kind)}
    status = error.status_code if isinstance(error, exceptions.ModelHTTPError) else None
    return Failure(
        _words(error.body) or error.message,
        status,
        frozenset(code.lower() for code in codes if code),
        error.retry_after,
    )


def _classify(
    failure: Failure, model: str, key_name: str | None, secrets: Iterable[str], *, streaming: bool
) -> ModelError:
    said, status = _clean(failure.message, secrets), failure.status
    if failure.codes & FILTER_CODES:
        return ContentFiltered(f"the provider's content filter refused: {said}", model=model, status=status)
    overflow = failure.codes & CONTEXT_CODES or CONTEXT.search(failure.message)
    if overflow and (status is None or (400 <= status < 500 and status not in (401, 403, 429))):
        return ContextTooLong(f"the request exceeds the model's window: {said}", model=model, status=status)
    if status in (401, 403):
        where = f"the key in the environment variable {key_name}" if key_name else "the request without a key"
        return AuthenticationFailed(f"the provider refused {where} ({status})", model=model, status=status)
    if failure.codes & QUOTA_CODES or status == 402:
        return ModelRefusedRequest(f"the account's quota is used up: {said}", model=model, status=status)
    if status == 429:
        wait = failure.retry_after
        when = f"; try again in {wait:.0f} s" if wait is not None else ""
        return RateLimited(f"too many requests{when}: {said}", model=model, retry_after=wait)
    if status in (408, 409) or (status is not None and status >= 500):
        return ModelUnavailable(f"the provider failed ({status}): {said}", model=model, status=status)
    if status is not None:
        return ModelRefusedRequest(f"the provider refused the request ({status}): {said}", model=model, status=status)
    if "finish_reason" in failure.message:
        return StreamBroken("the answer stopped before the model had finished", model=model)
    if streaming:
        return StreamBroken(f"the provider broke off the answer: {said}", model=model)
    return ModelUnavailable(f"the provider failed: {said}", model=model)


def _names(error: Exception) -> set[str]:
    """``package.Class`` of the error and all it inherits from, so that no package need be imported to ask."""
    return {f"{kind.__module__.split('.')[0]}.{kind.__name__}" for kind in type(error).__mro__}


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _error_object(body: object) -> Mapping[str, object]:
    """The object that describes the error in a provider's reply, wherever it lies."""
    if not isinstance(body, Mapping):
        return {}
    inner = body.get("error", body)
    return inner if isinstance(inner, Mapping) else {"message": inner}


def _words(body: object) -> str:
    """The provider's own sentence; servers of several makes put it in several places."""
    if isinstance(body, str):
        return body
    found = _error_object(body)
    for name in ("message", "detail", "reason"):
        if isinstance(said := found.get(name), str) and said:
            return said
    return ""


def _codes(body: object) -> frozenset[str]:
    found = _error_object(body)
    inner = found.get("innererror")
    values = [found.get("code"), found.get("type"), inner.get("code") if isinstance(inner, Mapping) else None]
    return frozenset(value.lower() for value in values if isinstance(value, str))


def _clean(said: object, secrets: Iterable[str]) -> str:
    """One line, of bearable length, without anything that may be a key."""
    text = str(said) or type(said).__name__
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[key]")
    text = " ".join(SECRETS.sub("[key]", text).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
