"""From a model's name in the application to pydantic-ai's model object."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model, infer_model
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers import Provider, infer_provider_class
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

from assay.errors import AuthenticationFailed, InputError, PluginError

COMPATIBLE = "openai-compatible"

PROXIED = frozenset({"anthropic", "google", "openai-responses"})
"""Prefixes that mean another protocol than chat completions even where a base_url is given."""

USUAL = {
    "openai": "https://api.openai.com/v1",
    "openai-chat": "https://api.openai.com/v1",
    "openai-responses": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
}
"""Said outright, since these SDKs would follow an environment variable to another server: where a
question goes is part of the release, and is changed by base_url."""

KEYS = {
    "openai": "OPENAI_API_KEY",
    "openai-chat": "OPENAI_API_KEY",
    "openai-responses": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "google": "GOOGLE_API_KEY",
}
"""The variable that holds a provider's key where the application names none."""

EXTRAS = frozenset({"anthropic", "google"})

VARIABLE = re.compile(r"`([A-Z][A-Z0-9_]*(?:KEY|TOKEN))`")

STRICT = OpenAIModelProfile(openai_chat_streaming_requires_finish_reason=True)
"""Without it a stream that was cut between two chunks looks finished."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a model is: ``provider`` as pydantic-ai calls it, the server's ``base_url`` where it is not the usual."""

    provider: str
    model: str
    base_url: str | None = None

    @property
    def identity(self) -> str:
        server = f"@{urlsplit(self.base_url).netloc.rpartition('@')[2]}" if self.base_url else ""
        return f"{self.provider}:{self.model}{server}"


def address(uses: str, base_url: str | None) -> Address:
    """Read ``provider:model``, or with a base_url a bare model name, which may hold colons (``llama3:8b``)."""
    prefix, colon, rest = uses.partition(":")
    if base_url is not None:
        if urlsplit(base_url).scheme not in ("http", "https"):
            raise InputError(f"base_url {base_url!r} of model {uses!r} does not begin with http:// or https://")
        if colon and prefix in PROXIED:
            return Address(prefix, rest, base_url)
        named = rest if colon and prefix in ("openai", "openai-chat", COMPATIBLE) else uses
        return Address(COMPATIBLE, named, base_url)
    if not colon or not rest:
        raise InputError(f"model {uses!r} is not of the form provider:model; or give its server's base_url")
    return Address(prefix, rest)


def key_name(where: Address, named: str | None) -> str | None:
    """The variable to read; none for a server of one's own: a provider's key is not for strangers."""
    return named or (None if where.base_url else KEYS.get(where.provider))


def connect(where: Address, key: str | None, named: str | None) -> Model[Any]:
    """The model at an address, whose SDK tries once. Raises PluginError, AuthenticationFailed or InputError."""
    model = _model(where, key, named)
    client: Any = getattr(model, "client", None)
    if isinstance(getattr(client, "max_retries", None), int):
        client.max_retries = 0
    return model


def tries_once(model: Model[Any]) -> bool:
    """Whether the model's own client never tries again: to say so in a request would make a client for each."""
    return getattr(getattr(model, "client", None), "max_retries", None) == 0


def _model(where: Address, key: str | None, named: str | None) -> Model[Any]:
    if where.provider == COMPATIBLE and where.base_url:
        provider = OpenAICompatibleProvider(COMPATIBLE, base_url=where.base_url, api_key=key)
        return OpenAIChatModel(where.model, provider=provider, profile=STRICT)
    try:
        model = infer_model(
            f"{where.provider}:{where.model}",
            lambda name: _provider(name, where.base_url, key, named),
        )
    except ImportError as error:
        raise _missing(where) from error
    except UserError as error:
        raise _refused(where, error) from error
    if isinstance(model, OpenAIChatModel) and model.provider is not None:
        return type(model)(where.model, provider=model.provider, profile=STRICT)
    return model


def _provider(name: str, base_url: str | None, key: str | None, named: str | None) -> Provider[Any]:
    try:
        kind = infer_provider_class(name)
    except ValueError as error:
        raise InputError(f"no provider is called {name!r}") from error
    takes = inspect.signature(kind.__init__).parameters
    if base_url is not None and key is None and "api_key" in takes:
        # Without any, the SDK would send the provider's own key to this server.
        key = "none"
    base_url = base_url or USUAL.get(name)
    arguments: dict[str, Any] = {}
    for argument, value, setting in (
        ("api_key", key, f"api_key_env = {named!r}"),
        ("base_url", base_url, "base_url"),
    ):
        if value is None:
            continue
        if argument not in takes:
            raise InputError(f"the provider {name!r} takes no {argument}; leave out {setting}")
        arguments[argument] = value
    provider: Provider[Any] = kind(**arguments)
    return provider


def _missing(where: Address) -> PluginError:
    wanted = f"assay[{where.provider}]" if where.provider in EXTRAS else f"pydantic-ai-slim[{where.provider}]"
    return PluginError(f"the model {where.identity} needs a package that is not installed: pip install '{wanted}'")


def _refused(where: Address, error: UserError) -> Exception:
    """pydantic-ai names the variables that it would read; its words are for its own users."""
    variables = VARIABLE.findall(str(error))
    if variables:
        return AuthenticationFailed(
            f"no key: set the environment variable {variables[0]}, or name another as api_key_env",
            model=where.identity,
        )
    return InputError(f"the model {where.identity} cannot be used: {' '.join(str(error).split())}")
