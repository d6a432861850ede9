"""Embeddings over HTTP, against a real local server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest

from assay.errors import (
    AuthenticationFailed,
    ContextTooLong,
    InputError,
    InvalidOutput,
    ModelError,
    ModelTimeout,
    ModelUnavailable,
    RateLimited,
)
from assay.models.openai_embedding import OpenAIEmbedder
from assay.models.retrying import Backoff
from assay.testing.embedder_conformance import EmbedderConformance
from assay.testing.model_server import ModelServer
from assay.testing.replies import Fail, Hang, Raw, Reply, context_too_long

pytestmark = pytest.mark.anyio
ONCE = Backoff(attempts=1)


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer([]) as running:
        yield running


class TestOpenAIEmbedder(EmbedderConformance):
    @pytest.fixture(autouse=True)
    def _serve(self, server: ModelServer) -> None:
        self.server = server

    def embedder(self) -> OpenAIEmbedder:
        return OpenAIEmbedder("e", dimensions=8, base_url=self.server.base_url, batch=4)


async def test_batches_and_order(server: ModelServer) -> None:
    texts = [f"text {i}" for i in range(10)]
    model = OpenAIEmbedder("e", dimensions=8, base_url=server.base_url, batch=4)
    rows = await model.embed(texts, "passage")
    assert [len(request.body["input"]) for request in server.received] == [4, 4, 2]
    np.testing.assert_array_equal(rows[7], (await model.embed(["text 7"], "passage"))[0])


async def test_prefixes_go_before_what_is_embedded(server: ModelServer) -> None:
    prefixes = {"query": "query: ", "passage": "passage: "}
    model = OpenAIEmbedder("e5", dimensions=8, base_url=server.base_url, prefixes=prefixes)  # type: ignore[arg-type]
    await model.embed(["a"], "query")
    await model.embed(["b"], "passage")
    assert [request.body["input"] for request in server.received] == [["query: a"], ["passage: b"]]
    assert model.identity != OpenAIEmbedder("e5", dimensions=8, base_url=server.base_url).identity


async def test_dimensions_are_sent_only_where_asked(server: ModelServer) -> None:
    await OpenAIEmbedder("e", dimensions=8, base_url=server.base_url).embed(["a"], "query")
    await OpenAIEmbedder("e", dimensions=8, base_url=server.base_url, shorten=True).embed(["a"], "query")
    assert "dimensions" not in server.received[0].body
    assert server.received[1].body["dimensions"] == 8


async def test_wrong_dimensions_say_the_right_ones(server: ModelServer) -> None:
    with pytest.raises(InvalidOutput, match="set dimensions = 8"):
        await OpenAIEmbedder("e", dimensions=9, base_url=server.base_url, backoff=ONCE).embed(["a"], "query")


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Fail(429, retry_after="2"), RateLimited),
        (Fail(500), ModelUnavailable),
        (Fail(401), AuthenticationFailed),
        (context_too_long(), ContextTooLong),
        (Raw(b"{", 200), InvalidOutput),
        (Raw(b'{"data": []}', 200), InvalidOutput),
        (Raw(b'{"data": null}', 200), InvalidOutput),
        (Raw(b"hello", 200, "text/plain"), InvalidOutput),
        (Hang(), ModelTimeout),
    ],
)
async def test_faults_have_types(reply: Reply, kind: type[ModelError]) -> None:
    async with ModelServer([reply]) as server:
        model = OpenAIEmbedder("e", dimensions=8, base_url=server.base_url, backoff=ONCE, timeout=0.5)
        with pytest.raises(ModelError) as caught:
            await model.embed(["a"], "query")
    assert type(caught.value) is kind
    assert len(server.received) == 1


async def test_what_is_safe_is_repeated() -> None:
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with ModelServer([Fail(503), Fail(429, retry_after="3"), Fail(401)]) as server:
        backoff = Backoff(attempts=5, sleep=sleep, random=lambda: 0.0)
        with pytest.raises(AuthenticationFailed):
            await OpenAIEmbedder("e", dimensions=8, base_url=server.base_url, backoff=backoff).embed(["a"], "query")
    assert slept == [0.0, 3.0]


def test_a_key_is_needed_for_openai_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(AuthenticationFailed, match="OPENAI_API_KEY"):
        OpenAIEmbedder("text-embedding-3-small", dimensions=1536)
    with pytest.raises(InputError):
        OpenAIEmbedder("e", dimensions=0, base_url="http://localhost:1/v1")
