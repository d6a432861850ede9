"""A provider's model over a real socket: what is sent, what comes back, and every way it can go wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import anyio
import pytest

from assay.errors import (
    AuthenticationFailed,
    ContentFiltered,
    ContextTooLong,
    InputError,
    InvalidOutput,
    ModelError,
    ModelRefusedRequest,
    ModelTimeout,
    ModelUnavailable,
    PluginError,
    RateLimited,
    StreamBroken,
)
from assay.messages import Assistant, System, ToolCall, ToolResult, User
from assay.models.chat import ChatEvent, Finished, ReasoningDelta, Request, TextDelta, Tool, Usage
from assay.models.prices import Price
from assay.models.providers import ProviderModel
from assay.testing.model_server import ModelServer
from assay.testing.replies import Cut, Fail, Hang, Raw, Reply, Say, content_filtered, context_too_long, error_body

pytestmark = pytest.mark.anyio
ASK = Request((System("Be brief."), User("Why?")))
KEY = "sk-very-secret-0123456789"


async def ask(model: ProviderModel, request: Request = ASK) -> list[ChatEvent]:
    return [event async for event in model.stream(request)]


async def fail(reply: Reply, *, patience: float = 20.0, uses: str = "m") -> tuple[ModelError, list[ChatEvent]]:
    """The error that a reply becomes, and what was shown before it."""
    shown: list[ChatEvent] = []

    async def read(base_url: str) -> None:
        async for event in ProviderModel(uses, base_url=base_url, timeout=patience).stream(ASK):
            shown.append(event)

    async with ModelServer([reply]) as server:
        with pytest.raises(ModelError) as caught:
            await read(server.base_url)
    assert len(server.received) == 1, "nothing below us may retry"
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    return caught.value, shown


FAULTS: Sequence[tuple[Reply, type[ModelError], bool]] = [
    (Fail(429), RateLimited, True),
    (Fail(500), ModelUnavailable, True),
    (Fail(502, body={}), ModelUnavailable, True),
    (Fail(503), ModelUnavailable, True),
    (Fail(529), ModelUnavailable, True),
    (Fail(401), AuthenticationFailed, False),
    (Fail(403), AuthenticationFailed, False),
    (Fail(404), ModelRefusedRequest, False),
    (Fail(422), ModelRefusedRequest, False),
    (Fail(429, body=error_body("You exceeded your quota.", "insufficient_quota")), ModelRefusedRequest, False),
    (context_too_long("openai"), ContextTooLong, False),
    (context_too_long("vllm"), ContextTooLong, False),
    (context_too_long("llama.cpp"), ContextTooLong, False),
    (context_too_long("plain"), ContextTooLong, False),
    (content_filtered(), ContentFiltered, False),
    (Say("no", reason="content_filter"), ContentFiltered, False),
    (Raw(b'{"choices": [', media_type="application/json"), InvalidOutput, True),
    (Raw(b"<html>gateway</html>", media_type="text/html"), InvalidOutput, True),
    (Raw(b"", media_type="text/event-stream"), InvalidOutput, True),
    (Raw(b"<html>Bad gateway</html>", status=502, media_type="text/html"), ModelUnavailable, True),
    (Cut((), "malformed"), InvalidOutput, True),
    (Cut((), "empty"), StreamBroken, True),
    (Cut((), "close"), StreamBroken, True),
    (Cut((), "unfinished"), StreamBroken, True),
]


@pytest.mark.parametrize(("reply", "kind", "retryable"), FAULTS)
async def test_faults_have_types(reply: Reply, kind: type[ModelError], retryable: bool) -> None:
    error, shown = await fail(reply)
    assert type(error) is kind
    assert error.retryable is retryable
    assert not [event for event in shown if isinstance(event, Finished)]


@pytest.mark.parametrize(("reply", "kind", "retryable"), [fault for fault in FAULTS if not isinstance(fault[0], Cut)])
async def test_whole_answers_fail_alike(reply: Reply, kind: type[ModelError], retryable: bool) -> None:
    async with ModelServer([reply]) as server:
        with pytest.raises(ModelError) as caught:
            await ProviderModel("m", base_url=server.base_url).complete(ASK)
    assert len(server.received) == 1, "nothing below us may retry"
    assert type(caught.value) is kind
    assert caught.value.retryable is retryable
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("how", ["close", "unfinished", "error"])
async def test_a_cut_stream_is_broken_after_what_was_said(how: str) -> None:
    error, shown = await fail(Cut(("One", " two"), how))  # type: ignore[arg-type]
    assert isinstance(error, StreamBroken | ModelUnavailable)
    assert error.retryable
    assert "".join(event.text for event in shown if isinstance(event, TextDelta)) == "One two"


@pytest.mark.parametrize("how", ["close", "unfinished"])
async def test_the_responses_api_is_cut_alike(how: str) -> None:
    error, shown = await fail(Cut(("One", " two"), how), uses="openai-responses:m")  # type: ignore[arg-type]
    assert isinstance(error, StreamBroken)
    assert len(shown) == 2


async def test_other_providers_of_the_same_protocol_are_cut_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ModelServer([Cut(("One",), "unfinished")]) as server:
        monkeypatch.setenv("OLLAMA_BASE_URL", server.base_url)
        with pytest.raises(StreamBroken):
            await ask(ProviderModel("ollama:m"))


def test_no_variable_sends_questions_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI", "ANTHROPIC"):
        monkeypatch.setenv(f"{name}_API_KEY", KEY)
        monkeypatch.setenv(f"{name}_BASE_URL", "http://elsewhere.example/v1")
    for uses in ("openai:gpt-5-mini", "openai-chat:gpt-5-mini", "anthropic:claude-sonnet-4-5"):
        assert "elsewhere" not in str(ProviderModel(uses)._model.base_url)


async def test_silence_ends_in_a_timeout() -> None:
    error, _ = await fail(Hang(), patience=0.2)
    assert isinstance(error, ModelTimeout)
    error, shown = await fail(Say("", ["a ", "b "], pause=30), patience=0.3)
    assert isinstance(error, ModelTimeout)
    assert isinstance(shown[0], TextDelta)


async def test_a_slow_answer_is_no_timeout() -> None:
    async with ModelServer([Say("", ["a "] * 10, pause=0.05)]) as server:
        events = await ask(ProviderModel("m", base_url=server.base_url, timeout=0.4))
    assert isinstance(events[-1], Finished)


async def test_retry_after_is_read_in_both_forms() -> None:
    error, _ = await fail(Fail(429, retry_after="7"))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 7
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    error, _ = await fail(Fail(429, retry_after=date))
    assert isinstance(error, RateLimited)
    assert error.retry_after == pytest.approx(90, abs=5)


async def test_a_server_that_is_not_there() -> None:
    async with ModelServer([]) as server:
        url = server.base_url
    with pytest.raises(ModelUnavailable, match="cannot reach"):
        await ask(ProviderModel("m", base_url=url))


async def test_keys_come_from_the_named_variable_and_show_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    async with ModelServer([Say("yes")], key=KEY) as server:
        model = ProviderModel("m", base_url=server.base_url, api_key_env="MY_KEY")
        assert isinstance((await ask(model))[-1], Finished)
    leak = error_body(f"Bad key {KEY} and sk-other-1234567890 in Bearer abcdefgh", "x")
    async with ModelServer([Fail(401, body=leak), Fail(400, body=leak), Fail(500, body=leak)]) as server:
        model = ProviderModel("m", base_url=server.base_url, api_key_env="MY_KEY")
        for _ in range(3):
            with pytest.raises(ModelError) as caught:
                await ask(model)
            assert KEY not in str(caught.value)
            assert "other" not in str(caught.value)
            assert "abcdefgh" not in str(caught.value)
    assert KEY not in model.identity


async def test_a_refused_key_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-wrong-key-000000")
    async with ModelServer([Say("yes")], key=KEY) as server:
        model = ProviderModel("m", base_url=server.base_url, api_key_env="MY_KEY")
        with pytest.raises(AuthenticationFailed, match="MY_KEY"):
            await ask(model)


def test_a_missing_key_is_told_before_any_request(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY", "NOT_SET"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(AuthenticationFailed, match="NOT_SET"):
        ProviderModel("openai:gpt-5-mini", api_key_env="NOT_SET")
    for uses, variable in (
        ("openai:gpt-5-mini", "OPENAI_API_KEY"),
        ("anthropic:claude-sonnet-4-5", "ANTHROPIC_API_KEY"),
        ("google:gemini-2.5-flash", "GOOGLE_API_KEY"),
    ):
        with pytest.raises(AuthenticationFailed, match=variable):
            ProviderModel(uses)


@pytest.mark.parametrize("uses", ["m", "openai:m", "openai-responses:m"])
def test_no_key_of_openai_goes_to_another_server(uses: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    async def run() -> None:
        async with ModelServer([Say("yes")]) as server:
            await ask(ProviderModel(uses, base_url=server.base_url))
        assert KEY not in server.received[0].headers.get("authorization", "")

    anyio.run(run)


def test_wrong_settings_are_named() -> None:
    with pytest.raises(InputError, match="provider:model"):
        ProviderModel("gpt-5-mini")
    with pytest.raises(InputError, match="nonesuch"):
        ProviderModel("nonesuch:gpt-5-mini")
    with pytest.raises(InputError, match="http"):
        ProviderModel("m", base_url="localhost:8080/v1")
    with pytest.raises(InputError, match="'top_p'"):
        ProviderModel("m", base_url="http://localhost:1/v1", options={"topp": 0.5})


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        n for n in sys.modules if n == "anthropic" or n.startswith(("anthropic.", "pydantic_ai.providers.anthropic"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "anthropic", None)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with pytest.raises(PluginError, match=r"assay\[anthropic\]"):
        ProviderModel("anthropic:claude-sonnet-4-5")


def test_identity_names_the_server_without_credentials() -> None:
    model = ProviderModel("llama3:8b", base_url="http://user:pass@localhost:11434/v1")
    assert model.identity == "openai-compatible:llama3:8b@localhost:11434"


async def test_the_request_arrives_as_asked() -> None:
    tool = Tool("find", "Finds.", {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]})
    call = ToolCall("c1", "find", '{"q": "x"}')
    messages = (
        System("Be brief."),
        User("Find x."),
        Assistant("", (call,)),
        ToolResult("c1", "find", "nothing"),
        User("And now?"),
    )
    request = Request(messages, max_tokens=7, stop=("END",), seed=3, tools=(tool,), options={"top_p": 0.5})
    async with ModelServer([Say("ok")]) as server:
        model = ProviderModel(
            "m", base_url=server.base_url, temperature=0.25, max_tokens=99, options={"extra_body": {"min_p": 0.1}}
        )
        await ask(model, request)
    body = server.received[0].body
    assert server.received[0].path == "/v1/chat/completions"
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "tool", "user"]
    function = body["messages"][2]["tool_calls"][0]["function"]
    assert (function["name"], json.loads(function["arguments"])) == ("find", {"q": "x"})
    assert body["messages"][3]["tool_call_id"] == "c1"
    assert body["tools"][0]["function"]["name"] == "find"
    assert body["temperature"] == 0.25
    assert body.get("max_completion_tokens", body.get("max_tokens")) == 7
    assert body["stop"] == ["END"]
    assert body["seed"] == 3
    assert body["top_p"] == 0.5
    assert body["min_p"] == 0.1
    assert body["stream"] is True
    assert body["stream_options"]["include_usage"] is True


async def test_the_end_tells_everything() -> None:
    said = Say(
        "",
        reasoning="Hm.",
        calls=[ToolCall("c1", "find", '{"q":"x"}')],
        reason="tool_calls",
        usage=Usage(input=100, output=20, cached=60, reasoning=8),
        model="real-name-2026-10-01",
    )
    async with ModelServer([said]) as server:
        model = ProviderModel("alias", base_url=server.base_url, price=Price(1.0, 10.0, 0.1), window=4096)
        events = await ask(model)
    final = events[-1]
    assert isinstance(final, Finished)
    assert events[0] == ReasoningDelta("Hm.")
    assert final.calls == (ToolCall("c1", "find", '{"q":"x"}'),)
    assert final.usage == Usage(100, 20, 60, 8)
    assert final.model == "real-name-2026-10-01"
    assert final.reason == "tool_call"
    assert final.cost == pytest.approx((40 * 1.0 + 60 * 0.1 + 20 * 10) / 1e6)
    assert model.window == 4096


async def test_half_a_character_does_not_stop_a_question() -> None:
    async with ModelServer([Say("ok")]) as server:
        await ask(ProviderModel("m", base_url=server.base_url), Request((User("broken \ud800 half"),)))
    assert server.received[0].body["messages"][0]["content"] == "broken ? half"


async def test_a_length_stop_is_an_answer() -> None:
    async with ModelServer([Say("cut short", reason="length")]) as server:
        final = (await ask(ProviderModel("m", base_url=server.base_url)))[-1]
    assert isinstance(final, Finished)
    assert final.reason == "length"
    assert final.cost is None


async def test_deltas_are_not_held_back() -> None:
    async with ModelServer([Say("", ["first ", "second"], pause=0.5)]) as server:
        model = ProviderModel("m", base_url=server.base_url)
        began = anyio.current_time()
        seen = [(event, anyio.current_time() - began) async for event in model.stream(ASK)]
    assert seen[1][1] - seen[0][1] > 0.3


def test_one_model_serves_several_event_loops() -> None:
    with ModelServer([Say("yes")]).in_thread() as server:
        model = ProviderModel("m", base_url=server.base_url)
        for _ in range(3):
            assert isinstance(anyio.run(ask, model)[-1], Finished)


@pytest.mark.parametrize("uses", ["openai:gpt-5-mini", "anthropic:claude-sonnet-4-5", "google:gemini-2.5-flash"])
def test_the_great_providers_can_be_built_without_a_network(uses: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    model = ProviderModel(uses, api_key_env="MY_KEY")
    assert model.identity == uses
    assert model.window is not None
    assert model.window >= 100_000
    assert model.count("Hello there.") > 0
