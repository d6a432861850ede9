"""Messages, tools and settings in pydantic-ai's terms."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from pydantic_ai import messages as foreign
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from assay.errors import InputError
from assay.messages import Assistant, Message, System, ToolResult, User
from assay.models.chat import Request, Tool
from assay.sayable import sayable

PREFIXES = ("openai_", "anthropic_", "google_", "groq_", "mistral_", "bedrock_", "openrouter_", "cohere_")
"""Settings of one provider, which pydantic-ai names with these prefixes."""


def to_history(messages: Sequence[Message]) -> list[foreign.ModelMessage]:
    """What is said to the model goes into requests, neighbours joined; what it said into responses."""
    history: list[foreign.ModelMessage] = []
    for message in messages:
        if isinstance(message, Assistant):
            history.append(foreign.ModelResponse(parts=_said(message)))
        elif history and isinstance(last := history[-1], foreign.ModelRequest):
            last.parts = [*last.parts, _asked(message)]
        else:
            history.append(foreign.ModelRequest(parts=[_asked(message)]))
    return history


def to_parameters(tools: Iterable[Tool]) -> ModelRequestParameters:
    """Tools that the model may ask for; it may always answer in words."""
    return ModelRequestParameters(
        function_tools=[
            ToolDefinition(
                name=tool.name,
                description=tool.description,
                parameters_json_schema=dict(tool.parameters),
            )
            for tool in tools
        ],
        allow_text_output=True,
    )


def to_settings(
    request: Request,
    *,
    temperature: float | None,
    max_tokens: int | None,
    timeout: float,
    options: Mapping[str, Any],
    unsupported: frozenset[str],
) -> ModelSettings:
    """The request's own settings, else the model's. ``unsupported`` are left out where they change no answer."""
    settings: dict[str, Any] = {**options, **request.options}
    values = {
        "temperature": temperature if request.temperature is None else request.temperature,
        "max_tokens": max_tokens if request.max_tokens is None else request.max_tokens,
        "stop_sequences": list(request.stop) or None,
        "seed": request.seed,
    }
    settings |= {name: value for name, value in values.items() if value is not None}
    # The SDKs' own retries would hide what happened and multiply ours.
    limits = {"timeout": timeout, "first_event_timeout": timeout, "max_retries": 0}
    settings |= {name: value for name, value in limits.items() if name not in unsupported}
    return cast(ModelSettings, settings)


def check_options(options: Mapping[str, Any]) -> None:
    """Raise InputError for an option that no provider would be sent: it would be dropped in silence."""
    known = set(ModelSettings.__annotations__)
    for name in options:
        if name not in known and not name.startswith(PREFIXES):
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else "; put what only this server knows under extra_body"
            raise InputError(f"unknown model option {name!r}{hint}")


def _asked(message: System | User | ToolResult) -> foreign.ModelRequestPart:
    match message:
        case System(text):
            return foreign.SystemPromptPart(sayable(text))
        case User(text):
            return foreign.UserPromptPart(sayable(text))
        case ToolResult():
            return foreign.ToolReturnPart(
                tool_name=message.name,
                content=sayable(message.text),
                tool_call_id=message.id,
                outcome="failed" if message.failed else "success",
            )


def _said(message: Assistant) -> list[foreign.ModelResponsePart]:
    parts: list[foreign.ModelResponsePart] = [foreign.TextPart(sayable(message.text))] if message.text else []
    parts += [foreign.ToolCallPart(call.name, call.arguments, call.id) for call in message.calls]
    return parts
