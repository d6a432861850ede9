"""Embeddings from OpenAI or any server that speaks its ``/embeddings``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import anyio.lowlevel
import numpy as np
import openai

from assay.errors import InputError, InvalidOutput, ModelError
from assay.models.embedding import Matrix, Role
from assay.models.keys import read_key
from assay.models.retrying import Backoff
from assay.models.tokens import TokenCounter, counter_for
from assay.models.translate import translate
from assay.sayable import sayable


class OpenAIEmbedder:
    """The embedder ``openai``. Vectors are brought to unit length here.

    ``dimensions`` is what the model returns; ``shorten`` asks the server to cut to it, which only some can.
    ``max_tokens`` is the model's window. ``prefixes`` are put before passages and queries, as models
    such as E5 want. ``batch`` texts go in one request. The key lies in the environment variable
    ``api_key_env``; a server of one's own may need none. Requests are repeated by ``backoff`` where
    that is safe.
    """

    def __init__(
        self,
        model: str,
        *,
        dimensions: int,
        base_url: str | None = None,
        api_key_env: str | None = None,
        max_tokens: int = 8191,
        shorten: bool = False,
        prefixes: Mapping[Role, str] | None = None,
        batch: int = 64,
        timeout: float = 60.0,
        counter: TokenCounter | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        if dimensions < 1 or batch < 1:
            raise InputError(f"embedder {model!r}: dimensions and batch must be at least 1")
        self._model, self._dimensions, self._base_url = model, dimensions, base_url
        self._max_tokens, self._shorten, self._batch, self._timeout = max_tokens, shorten, batch, timeout
        self._prefixes = dict(prefixes or {})
        self._key_name = api_key_env or (None if base_url else "OPENAI_API_KEY")
        self._key = read_key(self._key_name, self.identity)
        self._counter = counter or counter_for("openai" if base_url is None else "openai-compatible", model)
        self._backoff = backoff or Backoff(attempts=5)
        self._client: openai.AsyncOpenAI | None = None
        self._loop: object | None = None

    @property
    def identity(self) -> str:
        """The server is not part of it: the same model gives the same vectors at another address."""
        prefixes = "".join(f":{role}={self._prefixes[role]!r}" for role in sorted(self._prefixes))
        return f"openai:{self._model}:{self._dimensions}{prefixes}"

    @property
    def dimensions(self) -> int:
        return self._dimensions

    @property
    def max_tokens(self) -> int:
        return self._max_tokens

    def count(self, text: str) -> int:
        return self._counter(text)

    async def embed(self, texts: Sequence[str], role: Role) -> Matrix:
        """One unit row for each text: shape (len(texts), dimensions)."""
        rows = np.zeros((len(texts), self._dimensions), np.float32)
        before = self._prefixes.get(role, "")
        for start in range(0, len(texts), self._batch):
            # An empty input is an error to these servers, a blank is not.
            batch = [sayable(before + text) or " " for text in texts[start : start + self._batch]]
            rows[start : start + len(batch)] = await self._retried(batch)
        return rows

    async def _retried(self, batch: list[str]) -> Matrix:
        began, tried = self._backoff.clock(), 0
        while True:
            try:
                return await self._request(batch)
            except ModelError as error:
                tried += 1
                wait = self._backoff.wait(error, tried, self._backoff.clock() - began)
                if wait is None:
                    raise
            await self._backoff.sleep(wait)

    async def _request(self, batch: list[str]) -> Matrix:
        extra: dict[str, Any] = {"dimensions": self._dimensions} if self._shorten else {}
        try:
            reply = await self._connected().embeddings.create(
                model=self._model, input=batch, encoding_format="float", **extra
            )
            vectors = {item.index: item.embedding for item in reply.data}
            found = np.asarray([vectors[i] for i in range(len(batch))], np.float32)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidOutput("the reply holds no vector for each text", model=self.identity) from error
        except Exception as error:
            raise translate(error, model=self.identity, key_name=self._key_name, secrets=(self._key or "",)) from error
        return self._unit(found)

    def _unit(self, found: Matrix) -> Matrix:
        if found.ndim != 2 or found.shape[1] != self._dimensions:
            width = found.shape[-1] if found.ndim else 0
            raise InvalidOutput(
                f"the vectors have {width} dimensions, not {self._dimensions}; set dimensions = {width}",
                model=self.identity,
            )
        norms = np.linalg.norm(found, axis=1, keepdims=True)
        if not np.isfinite(norms).all() or not norms.all():
            raise InvalidOutput("a vector is zero or not finite", model=self.identity)
        unit: Matrix = (found / norms).astype(np.float32, copy=False)
        return unit

    def _connected(self) -> openai.AsyncOpenAI:
        """Connections belong to the event loop that opened them; another loop gets its own."""
        loop = anyio.lowlevel.current_token()
        if self._client is None or self._loop != loop:
            self._loop = loop
            self._client = openai.AsyncOpenAI(
                # The client wants some key, and would read OPENAI_API_KEY for a stranger's server.
                api_key=self._key or "none",
                base_url=self._base_url or "https://api.openai.com/v1",
                timeout=self._timeout,
                max_retries=0,
            )
        return self._client
