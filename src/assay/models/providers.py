"""Chat models of any provider, through pydantic-ai's adapters below our own port.

Importing this file takes more than a second of CPU: only what has such a model configured does.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import anyio.lowlevel
from pydantic_ai import messages as foreign
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from assay.errors import ContentFiltered, InvalidOutput, ModelError, ModelRefusedRequest, ModelTimeout, StreamBroken
from assay.messages import ToolCall
from assay.models.chat import ChatEvent, Finished, ReasoningDelta, Request, TextDelta, Usage
from assay.models.connection import address, connect, key_name, tries_once
from assay.models.conversation import check_options, to_history, to_parameters, to_settings
from assay.models.keys import read_key
from assay.models.prices import Price, cost
from assay.models.tokens import TokenCounter, counter_for
from assay.models.translate import translate
from assay.models.whole import collected


class ProviderModel:
    """A model of a provider (``openai:gpt-5-mini``) or on an OpenAI-compatible server (a name and ``base_url``).

    ``api_key_env`` names the environment variable that holds the key; without it the provider's usual
    one is read, and a server at ``base_url`` gets none. ``timeout`` is in seconds, to the first piece of
    the answer and between two, or to a whole answer. ``window`` is in tokens; None takes the one that is known for the
    model, if any. ``options`` are pydantic-ai's model settings. ``price`` overrides the price list,
    ``counter`` the counting of tokens.

    Raises on construction: InputError, PluginError for a missing package, AuthenticationFailed for
    a missing key. Nothing is retried.
    """

    def __init__(
        self,
        uses: str,
        *,
        base_url: str | None = None,
        api_key_env: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        timeout: float = 60.0,
        window: int | None = None,
        options: Mapping[str, Any] | None = None,
        price: Price | None = None,
        counter: TokenCounter | None = None,
    ) -> None:
        self._address = address(uses, base_url)
        self._options = dict(options or {})
        check_options(self._options)
        self._key_name = key_name(self._address, api_key_env)
        self._key = read_key(self._key_name, self.identity)
        self._temperature, self._max_tokens, self._timeout = temperature, max_tokens, timeout
        self._price = price
        self._counter = counter or counter_for(self._address.provider, self._address.model)
        self._model = connect(self._address, self._key, self._key_name)
        self._loop: object | None = None
        self._streams_only = False
        self._window = window or self._model.profile.get("context_window")

    @property
    def identity(self) -> str:
        return self._address.identity

    @property
    def window(self) -> int | None:
        return self._window

    @property
    def counter(self) -> TokenCounter:
        return self._counter

    def count(self, text: str) -> int:
        return self._counter(text)

    async def stream(self, request: Request) -> AsyncIterator[ChatEvent]:
        """One request. Closing the iterator closes the connection, which is what stops a server."""
        model, settings = self._prepared(request)
        streaming = False
        try:
            async with model_request_stream(
                model,
                to_history(request.messages),
                model_settings=settings,
                model_request_parameters=to_parameters(request.tools),
                instrument=False,
            ) as response:
                streaming = True
                async for event in response:
                    if (delta := _delta(event)) is not None:
                        yield delta
                finished = self._finished(response.get())
        except ModelError:
            raise
        except Exception as error:
            raise self._translated(error, streaming=streaming) from error
        yield finished

    async def complete(self, request: Request) -> Finished:
        """One request without deltas.

        A server that takes longer over a whole answer than ``timeout``, or that only streams, is asked for
        streams from then on: only they tell one that is slow from one that is silent.
        """
        if not self._streams_only:
            try:
                return await self._complete(request)
            except ModelTimeout:
                self._streams_only = True
                raise
            except ModelRefusedRequest as error:
                if "stream" not in str(error).lower():
                    raise
                self._streams_only = True
        return await collected(self, request)

    async def _complete(self, request: Request) -> Finished:
        model, settings = self._prepared(request)
        try:
            reply = await model_request(
                model,
                to_history(request.messages),
                model_settings=settings,
                model_request_parameters=to_parameters(request.tools),
                instrument=False,
            )
            return self._finished(reply)
        except ModelError:
            raise
        except Exception as error:
            raise self._translated(error) from error

    def _prepared(self, request: Request) -> tuple[Model[Any], ModelSettings]:
        check_options(request.options)
        model = self._connected()
        settings = to_settings(
            request,
            temperature=self._temperature,
            max_tokens=self._max_tokens,
            timeout=self._timeout,
            options=self._options,
            unsupported=model.unsupported_settings | ({"max_retries"} if tries_once(model) else set()),
        )
        return model, settings

    def _translated(self, error: Exception, *, streaming: bool = False) -> ModelError:
        secrets = (self._key or "",)
        return translate(error, model=self.identity, key_name=self._key_name, secrets=secrets, streaming=streaming)

    def _connected(self) -> Model[Any]:
        """Connections belong to the event loop that opened them; another loop gets its own."""
        loop = anyio.lowlevel.current_token()
        if self._loop is not None and self._loop != loop:
            self._model = connect(self._address, self._key, self._key_name)
        self._loop = loop
        return self._model

    def _finished(self, reply: foreign.ModelResponse) -> Finished:
        """The end of the answer, if it is one. Raises StreamBroken, ContentFiltered, InvalidOutput."""
        raw = (reply.provider_details or {}).get("finish_reason")
        reason = reply.finish_reason or (raw if isinstance(raw, str) else None)
        if reason is None or reply.state != "complete":
            raise StreamBroken("the answer stopped before the model had finished", model=self.identity)
        if reason == "content_filter":
            raise ContentFiltered("the provider's content filter stopped the answer", model=self.identity)
        if reason == "error":
            raise StreamBroken("the provider reports an error in the middle of the answer", model=self.identity)
        usage = Usage(
            input=reply.usage.input_tokens,
            output=reply.usage.output_tokens,
            cached=reply.usage.cache_read_tokens,
            reasoning=reply.usage.output_reasoning_tokens,
        )
        returned = reply.model_name or self._address.model
        dollars, listed = self._cost(returned, usage)
        return Finished(
            text="".join(part.content for part in reply.parts if isinstance(part, foreign.TextPart)),
            calls=tuple(_call(part, self.identity) for part in reply.tool_calls),
            usage=usage,
            model=returned,
            reason=reason,
            cost=dollars,
            prices_as_of=listed,
        )

    def _cost(self, returned: str, usage: Usage) -> tuple[float | None, str | None]:
        """By the id that the provider returned, else by the one configured: lists lag behind dated ids."""
        now = datetime.now(UTC)
        for name in (returned, self._address.model):
            found = cost(self._address.provider, name, usage, now, self._price)
            if found[0] is not None:
                return found
        return None, None


def _delta(event: foreign.ModelResponseStreamEvent) -> TextDelta | ReasoningDelta | None:
    """What an event shows; a part's beginning carries its first piece."""
    text: str | None = None
    thought: str | None = None
    if isinstance(event, foreign.PartStartEvent):
        if isinstance(event.part, foreign.TextPart):
            text = event.part.content
        elif isinstance(event.part, foreign.ThinkingPart):
            thought = event.part.content
    elif isinstance(event, foreign.PartDeltaEvent):
        if isinstance(event.delta, foreign.TextPartDelta):
            text = event.delta.content_delta
        elif isinstance(event.delta, foreign.ThinkingPartDelta):
            thought = event.delta.content_delta
    if text:
        return TextDelta(text)
    return ReasoningDelta(thought) if thought else None


def _call(part: foreign.ToolCallPart, model: str) -> ToolCall:
    arguments = part.args_as_json_str()
    if not part.tool_name:
        raise InvalidOutput("the model called a tool without a name", model=model)
    return ToolCall(part.tool_call_id, part.tool_name, arguments or json.dumps({}))
