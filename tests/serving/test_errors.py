"""Whatever is sent, what comes back is OpenAI's error shape and never a traceback."""

from __future__ import annotations

import http.client
import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from assay.errors import StoreError

CHAT, SEARCH = "/v1/chat/completions", "/v1/search"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(make: SimpleNamespace) -> Iterator[Any]:
    with make.running(make.scripted().application(), max_body=300_000) as running:
        yield running


def error_of(reply: Any, status: int) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-request-id"].startswith("req_")
    body = reply.json()
    assert set(body) == {"error"}
    assert {"message", "type", "param", "code"} <= set(body["error"])
    assert isinstance(body["error"]["message"], str)
    assert "Traceback" not in reply.text
    assert len(reply.content) < 20_000
    found: dict[str, Any] = body["error"]
    return found


def test_paths_and_methods(server: Any) -> None:
    assert "/docs" in error_of(server.get("/v2/nothing"), 404)["message"]
    reply = server.post("/v1/models", {})
    assert "use GET" in error_of(reply, 405)["message"]
    assert reply.headers["allow"] == "GET"
    assert "use POST" in error_of(server.get(CHAT), 405)["message"]


USER = {"role": "user", "content": "x"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"messages": [USER]}, "model: "),
        ({"model": 5, "messages": [USER]}, "model: "),
        ({"model": "x" * 501, "messages": [USER]}, "model: "),
        ({"model": "handbook"}, "messages: "),
        ({"model": "handbook", "messages": []}, "messages: "),
        ({"model": "handbook", "messages": "x"}, "messages: "),
        ({"model": "handbook", "messages": [USER] * 501}, "messages: "),
        ({"model": "handbook", "messages": ["x"]}, "messages.0: "),
        ({"model": "handbook", "messages": [{"content": "x"}]}, "messages.0: "),
        ({"model": "handbook", "messages": [{"role": "tool", "content": "x"}]}, "messages.0: "),
        ({"model": "handbook", "messages": [{"role": "user"}]}, "messages.0.user.content: "),
        ({"model": "handbook", "messages": [{"role": "user", "content": None}]}, "messages.0.user.content.text: "),
        ({"model": "handbook", "messages": [{"role": "user", "content": " \n"}]}, "messages: the last one is empty"),
        ({"model": "handbook", "messages": [{"role": "user", "content": []}]}, "messages: the last one is empty"),
        ({"model": "handbook", "messages": [{"role": "user", "content": "x" * 100_001}]}, "messages.0.user.content"),
        ({"model": "handbook", "messages": [{"role": "user", "content": "\ud800"}]}, "messages.0.user.content"),
        ({"model": "\ud800", "messages": [USER]}, "model: "),
        ({"model": "handbook", "messages": [USER, {"role": "assistant", "content": "x"}]}, "must have the role 'user'"),
        (
            {"model": "handbook", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages.0.user.content.parts.0.type: ",
        ),
        ({"model": "handbook", "messages": [USER], "stream": "true"}, "stream: "),
        ({"model": "handbook", "messages": [USER], "stream_options": {"include_usage": 1}}, "stream_options."),
        ({"model": "handbook", "messages": [USER], "n": 2}, "n: one answer is made"),
        ({"model": "handbook", "messages": [USER], "n": True}, "n: one answer is made"),
        ({"model": "handbook", "messages": [USER], "tools": [{}]}, "tools: this server answers from documents"),
        ({"model": "handbook", "messages": [USER], "functions": [{}]}, "functions: this server"),
        ({"model": "handbook", "messages": [USER], "response_format": {"type": "json_object"}}, "response_format: "),
        ({"model": "handbook", "messages": [USER], "assay": {"where": {"\ud800": []}}}, "assay.where."),
        ({"model": "handbook", "messages": [USER], "assay": {"where": dict.fromkeys("abc", "\ud800")}}, "assay.where."),
        ([], "a JSON object"),
        ("text", "a JSON object"),
        (None, "a JSON object"),
    ],
)
def test_wrong_chat_requests(server: Any, body: object, says: str) -> None:
    reply = server.post(CHAT, content=json.dumps(body).encode(), headers=JSON)
    found = error_of(reply, 400)
    assert found["type"] == "invalid_request_error"
    assert says in found["message"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('{"query": ""}', "query: "),
        ('{"query": " "}', "query: it is empty"),
        ('{"query": "a\\ud800"}', "query: "),
        ('{"query": "x", "k": 0}', "k: "),
        ('{"query": "x", "k": 201}', "k: "),
        ('{"query": "x", "k": 1e99}', "k: "),
        ('{"query": "x", "k": "5"}', "k: "),
        ('{"query": "x", "k": 99999999999999999999999}', "k: "),
        ('{"query": "x", "mode": "magic"}', "mode: "),
        ('{"query": "x", "wher": {}}', "wher: "),
        ('{"query": "x", "where": {"a": {}}}', "where.a: only text, numbers and booleans"),
        ('{"query": "x", "k": ' + "9" * 5_000 + "}", "pars"),
        ('{"query": ' + "[" * 100_000 + "]" * 100_000 + "}", "pars"),
        ("{'query': 1}", "the body is not JSON: "),
        ('{"query": "x"', "the body is not JSON: "),
        ("", "a JSON object"),
    ],
)
def test_wrong_searches(server: Any, body: str, says: str) -> None:
    assert says in error_of(server.post(SEARCH, content=body.encode(), headers=JSON), 400)["message"]


def test_bodies_that_are_not_text(server: Any) -> None:
    error_of(server.post(SEARCH, content=b'{"query": "\xff\xfe"}', headers=JSON), 400)
    error_of(server.post(SEARCH, content=b"\x00" * 1000, headers=JSON), 400)
    assert "application/json" in error_of(server.post(SEARCH, content=b"query=x"), 400)["message"]


def test_too_large_a_body_is_refused_whatever_it_claims(server: Any) -> None:
    large = b'{"query": "' + b"x" * 400_000 + b'"}'
    assert "300000 bytes" in error_of(server.post(SEARCH, content=large, headers=JSON), 413)["message"]

    def pieces() -> Iterator[bytes]:
        yield from (large[at : at + 50_000] for at in range(0, len(large), 50_000))

    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    connection.request("POST", SEARCH, body=pieces(), headers=JSON, encode_chunked=True)
    reply = connection.getresponse()
    assert reply.status == 413
    assert json.load(reply)["error"]["type"] == "invalid_request_error"
    connection.close()


def test_a_mistake_of_ours_is_one_line_in_the_log_and_a_500(
    make: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "the secret\nof the\udc80 house"
    scripted = make.scripted(script=(ZeroDivisionError(secret),), found=KeyError(secret))
    with make.running(scripted.application()) as server:
        replies = [server.chat(), server.chat(stream=True), server.post(SEARCH, {"query": "x"})]
    lines = [record for record in caplog.records if record.name == "assay.serving" and record.levelno >= logging.INFO]
    assert len(lines) == len(replies) == 3
    for reply, line, name in zip(replies, lines, ("ZeroDivisionError", "ZeroDivisionError", "KeyError"), strict=True):
        found = error_of(reply, 500)
        assert (found["message"], found["type"]) == (f"internal error: {name}", "server_error")
        said = line.getMessage()
        assert "\n" not in said
        assert reply.headers["x-request-id"] in said
        assert f"internal error: {name}" in said
        assert "conftest.py:" in said
        said.encode()


def test_a_mistake_of_ours_in_the_middle_of_a_stream(make: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    scripted = make.scripted(script=(make.sentences[0], ZeroDivisionError("x")))
    with make.running(scripted.application()) as server:
        events = server.chat(stream=True).text.strip().split("\n\n")
    assert json.loads(events[-1].removeprefix("data: ")) == {
        "error": {
            "message": "internal error: ZeroDivisionError",
            "type": "server_error",
            "param": None,
            "code": "internal",
        }
    }
    assert "Uploads are limited" in events[-2]
    assert [r.levelname for r in caplog.records if r.name == "assay.serving" and r.levelno > logging.DEBUG] == ["ERROR"]


def test_an_error_that_is_raised_instead_of_told_has_its_shape(make: SimpleNamespace) -> None:
    scripted = make.scripted(script=(make.sentences[0], StoreError("disk full")))
    with make.running(scripted.application()) as server:
        assert "disk full" in error_of(server.chat(), 503)["message"]
        events = server.chat(stream=True).text.strip().split("\n\n")
    assert json.loads(events[-1].removeprefix("data: "))["error"]["message"] == "disk full"


def test_an_answer_without_an_end_is_an_error(make: SimpleNamespace) -> None:
    for script, status in (((), 500), ((make.sentences[0],), 200)):
        with make.running(make.scripted(script=script).application()) as server:
            assert server.chat().status_code == 500
            reply = server.chat(stream=True)
            assert reply.status_code == status
            assert "internal error: RuntimeError" in reply.text
            assert "[DONE]" not in reply.text
