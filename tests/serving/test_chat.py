"""The official client, unchanged, against the server."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import openai
import pytest

from assay.answering.events import Abstained, Failed, Sentence
from assay.errors import (
    AuthenticationFailed,
    InvalidOutput,
    ModelTimeout,
    ModelUnavailable,
    RateLimited,
    StoreError,
    StreamBroken,
)

ASK: Any = [{"role": "user", "content": "How large may uploads be?"}]
MARKED = "Uploads are limited to 10 MB. [1] Larger files are refused. [2][3]"


@pytest.fixture
def scripted(make: SimpleNamespace) -> Any:
    return make.scripted()


@pytest.fixture
def server(make: SimpleNamespace, scripted: Any) -> Iterator[Any]:
    with make.running(scripted.application()) as running:
        yield running


@pytest.fixture
def client(server: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url, api_key="none", max_retries=0) as made:
        yield made


def test_a_whole_answer(client: openai.OpenAI, make: SimpleNamespace) -> None:
    reply = client.chat.completions.create(model="handbook", messages=ASK)
    choice = reply.choices[0]
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", MARKED, "stop")
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (7, 5, 12)
    assert reply.usage.prompt_tokens_details is not None
    assert reply.usage.prompt_tokens_details.cached_tokens == 2
    assert (reply.object, reply.model) == ("chat.completion", "handbook")
    assay = (reply.model_extra or {})["assay"]
    assert [c["number"] for c in assay["citations"]] == [1, 2, 3]
    assert assay["citations"][1]["quote"] == "Larger files are refused."
    assert {**assay, "citations": None} == {
        "citations": None,
        "abstained": None,
        "confidence": 0.9,
        "model": "scripted",
        "release": make.digest,
        "trace": "ab" * 16,
        "cost": None,
        "milliseconds": 3.0,
        "warnings": [],
    }


def test_a_streamed_answer(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="handbook", messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert len({(c.id, c.created, c.model, c.object) for c in chunks}) == 1
    first, *sentences, last, usage = chunks
    assert (first.choices[0].delta.role, first.choices[0].delta.content) == ("assistant", "")
    assert "".join(c.choices[0].delta.content or "" for c in sentences) == MARKED
    assert [[x["number"] for x in (c.model_extra or {})["assay"]["citations"]] for c in sentences] == [[1], [2, 3]]
    assert [c.choices[0].finish_reason for c in (first, *sentences, last)] == [None, None, None, "stop"]
    assert len((last.model_extra or {})["assay"]["citations"]) == 3
    assert usage.choices == []
    assert usage.usage is not None
    assert usage.usage.total_tokens == 12
    assert all(c.usage is None for c in chunks[:-1])


def test_streaming_and_not_say_the_same(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="handbook", messages=ASK)
    parts = list(client.chat.completions.create(model="handbook", messages=ASK, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in parts) == whole.choices[0].message.content
    assert (parts[-1].model_extra or {})["assay"] == (whole.model_extra or {})["assay"]


def test_the_streaming_helper_keeps_the_citations_on_the_message(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="handbook", messages=ASK) as stream:
        said = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    assert "".join(said) == final.choices[0].message.content == MARKED
    assert len((final.choices[0].message.model_extra or {})["assay"]["citations"]) == 3
    # The first sentence's would be taken for the answer's.
    assert "assay" not in (final.model_extra or {})


def test_raw_responses(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="handbook", messages=ASK, stream=True)
    assert raw.headers["content-type"].startswith("text/event-stream")
    assert raw.headers["x-request-id"] == raw.request_id
    assert len(list(raw.parse())) == 4
    lines = client.chat.completions.with_raw_response.create(model="handbook", messages=ASK, stream=True)
    assert lines.http_response.read().endswith(b"\n\ndata: [DONE]\n\n")


@pytest.mark.anyio
async def test_the_asynchronous_client(server: Any) -> None:
    async with openai.AsyncOpenAI(base_url=server.url, api_key="none", max_retries=0) as client:
        whole = await client.chat.completions.create(model="handbook", messages=ASK)
        assert whole.choices[0].message.content == MARKED
        stream = await client.chat.completions.create(model="handbook", messages=ASK, stream=True)
        assert "".join([c.choices[0].delta.content or "" async for c in stream]) == MARKED
        async with client.chat.completions.stream(model="handbook", messages=ASK) as helper:
            assert (await helper.get_final_completion()).choices[0].message.content == MARKED
        assert [m.id async for m in client.models.list()] == ["handbook", "d" * 64]


def test_models(client: openai.OpenAI, make: SimpleNamespace) -> None:
    assert [model.id for model in client.models.list()] == ["handbook", make.digest]
    assert client.models.retrieve("handbook").owned_by == "assay"
    assert client.models.retrieve(make.digest[:12]).id == make.digest
    for name in ("gpt-5", make.digest[:7], "hand/book"):
        with pytest.raises(openai.NotFoundError, match="use 'handbook'") as caught:
            client.models.retrieve(name)
        assert caught.value.code == "model_not_found"


def test_a_release_can_be_asked_by_its_digest(client: openai.OpenAI, make: SimpleNamespace) -> None:
    for name in (make.digest, make.digest[:8]):
        assert client.chat.completions.create(model=name, messages=ASK).model == name
    with pytest.raises(openai.NotFoundError, match="model 'gpt-5' does not exist here"):
        client.chat.completions.create(model="gpt-5", messages=ASK)


def test_a_conversation_and_content_parts(client: openai.OpenAI, scripted: Any) -> None:
    parts = [{"type": "text", "text": "And"}, {"type": "text", "text": "larger ones?"}]
    messages: Any = [
        {"role": "system", "content": "Be a pirate."},
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "How large may uploads be?", "name": "ann"},
        {"role": "assistant", "content": MARKED},
        {"role": "user", "content": "  "},
        {"role": "assistant", "content": None},
        {"role": "user", "content": parts},
    ]
    reply = client.chat.completions.create(
        model="handbook", messages=messages, temperature=0.7, max_tokens=5, seed=None, user="ann", metadata={"a": "b"}
    )
    question = scripted.questions[-1]
    assert question.text == "And\nlarger ones?"
    assert [(turn.role, turn.text) for turn in question.history] == [
        ("user", "How large may uploads be?"),
        ("assistant", "Uploads are limited to 10 MB. Larger files are refused."),
    ]
    assert (reply.model_extra or {})["assay"]["warnings"] == [
        "2 system message(s) ignored: the application's own prompt is used",
        "ignored, since the release sets how answers are made: max_tokens, temperature",
    ]


def test_filters_travel_in_the_extension(client: openai.OpenAI, scripted: Any) -> None:
    where = {"team": "support", "year": 2024, "final": True}
    client.chat.completions.create(model="handbook", messages=ASK, extra_body={"assay": {"where": where}})
    assert dict(scripted.questions[-1].where) == where
    wrongs: list[dict[str, Any]] = [{"wher": {}}, {"where": {"a": None}}, {"where": {"a": ["x"]}}]
    for wrong in wrongs:
        with pytest.raises(openai.BadRequestError, match=r"assay\.wher"):
            client.chat.completions.create(model="handbook", messages=ASK, extra_body={"assay": wrong})


def test_an_abstention_is_an_answer(client: openai.OpenAI, scripted: Any, make: SimpleNamespace) -> None:
    gone = Abstained("not_in_corpus", "The documents do not say.")
    scripted.script = (make.answer(abstained=gone),)
    whole = client.chat.completions.create(model="handbook", messages=ASK)
    assert whole.choices[0].message.content == "The documents do not say."
    assay = (whole.model_extra or {})["assay"]
    assert assay["abstained"] == {"reason": "not_in_corpus", "detail": "The documents do not say."}
    assert assay["citations"] == []
    parts = list(client.chat.completions.create(model="handbook", messages=ASK, stream=True))
    assert [c.choices[0].delta.content for c in parts] == ["", "The documents do not say.", None]
    assert (parts[-1].model_extra or {})["assay"]["abstained"]["reason"] == "not_in_corpus"


def test_an_unsupported_sentence_is_marked(client: openai.OpenAI, scripted: Any, make: SimpleNamespace) -> None:
    said = (make.sentences[0], Sentence(1, " Perhaps more.", (), supported=False))
    scripted.script = (*said, make.answer(sentences=said))
    parts = list(client.chat.completions.create(model="handbook", messages=ASK, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in parts).endswith(" [1] Perhaps more. [unsupported]")
    assert [(c.model_extra or {})["assay"]["supported"] for c in parts[1:3]] == [True, False]


@pytest.mark.parametrize(
    ("error", "kind", "status", "code"),
    [
        (
            RateLimited("slow down", model="m", retry_after=3.2),
            openai.InternalServerError,
            503,
            "provider_rate_limited",
        ),
        (ModelTimeout("late", model="m"), openai.InternalServerError, 504, "provider_timeout"),
        (ModelUnavailable("down", model="m"), openai.InternalServerError, 503, "provider_unavailable"),
        (AuthenticationFailed("key", model="m", status=401), openai.InternalServerError, 502, "provider_error"),
        (InvalidOutput("nonsense", model="m"), openai.InternalServerError, 502, "provider_error"),
        (StoreError("disk full"), openai.InternalServerError, 503, "store_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_fails_before_the_first_sentence_has_a_status(
    client: openai.OpenAI,
    scripted: Any,
    error: Exception,
    kind: type[openai.APIStatusError],
    status: int,
    code: str,
    stream: bool,
) -> None:
    scripted.script = (Failed(error, "cd" * 16),)  # type: ignore[arg-type]
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model="handbook", messages=ASK, stream=stream)
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert str(error) in str(caught.value)
    assert caught.value.body["trace"] == "cd" * 16  # type: ignore[index]
    assert caught.value.response.headers.get("retry-after") == ("4" if isinstance(error, RateLimited) else None)
    assert caught.value.request_id


def test_what_fails_in_the_middle_is_raised_by_the_client(
    client: openai.OpenAI, scripted: Any, make: SimpleNamespace
) -> None:
    scripted.script = (make.sentences[0], Failed(StreamBroken("it stopped", model="m"), "cd" * 16))
    stream = client.chat.completions.create(model="handbook", messages=ASK, stream=True)
    seen: list[Any] = []
    with pytest.raises(openai.APIError, match="m: it stopped") as caught:
        seen.extend(stream)
    assert [c.choices[0].delta.content for c in seen] == ["", "Uploads are limited to 10 MB. [1]"]
    assert caught.value.body["trace"] == "cd" * 16  # type: ignore[index]
    raw = client.chat.completions.with_raw_response.create(model="handbook", messages=ASK, stream=True)
    assert b"[DONE]" not in raw.http_response.read()


def test_a_key(make: SimpleNamespace, scripted: Any) -> None:
    with make.running(scripted.application(), api_key="clé") as server:
        with openai.OpenAI(base_url=server.url, api_key="wrong", max_retries=0) as client:
            for call in (client.models.list, lambda: client.chat.completions.create(model="handbook", messages=ASK)):
                with pytest.raises(openai.AuthenticationError, match="missing or wrong") as caught:
                    call()
                assert caught.value.code == "invalid_api_key"
        assert server.get("/v1/models").status_code == 401
        for sent in ("Bearer clé", "bearer  clé", "BEARER clé"):
            assert server.get("/v1/models", headers={"Authorization": sent.encode()}).status_code == 200, sent
        for bad in ("clé".encode(), "Basic clé".encode(), b"Bearer", b"Bearer cl", b"Bearer cl\xe9"):
            assert server.get("/v1/models", headers={"Authorization": bad}).status_code == 401, bad
        assert server.get("/health").status_code == server.get("/ready").status_code == 200
    assert scripted.questions == []
