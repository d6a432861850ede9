"""The OpenAPI description and the server say the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from assay.errors import StoreError
from assay.serving.app import create_app
from assay.serving.requests import MAX_NAME

# Rules of a request that JSON Schema cannot say (the last message is the user's, the model is this one).
UNSAYABLE = ["positive_data_acceptance"]


def known(context: Any, body: Any) -> Any:
    """Most generated requests would end at an unknown model."""
    model = body.get("model") if isinstance(body, dict) else None
    # One that is too long is wrong on purpose.
    if isinstance(model, str) and len(model) <= MAX_NAME and len(model) % 4:
        return {**body, "model": "handbook"}
    return body


def test_every_operation_keeps_to_its_description(make: SimpleNamespace) -> None:
    api = schemathesis.openapi.from_asgi("/openapi.json", create_app(make.scripted().application()))
    api.hook("map_body")(known)
    tried: Counter[tuple[str, int]] = Counter()
    operations: list[Any] = list(api.get_all_operations())
    for operation in operations:
        for mode in GenerationMode:
            try:
                _try(operation.ok(), mode, tried)
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE  # without parameters nothing can be wrong
    paths = {path for path, _ in tried}
    assert paths == {
        "POST /v1/chat/completions",
        "POST /v1/search",
        "POST /v1/feedback",
        "GET /v1/models",
        "GET /v1/models/{model}",
        "GET /health",
        "GET /ready",
    }
    for path in ("POST /v1/chat/completions", "POST /v1/search"):
        assert tried[path, 200] >= 3, tried
        assert tried[path, 400] >= 3, tried


def _try(operation: Any, mode: GenerationMode, tried: Counter[tuple[str, int]]) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=20,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any) -> None:
        reply = case.call()
        if reply.status_code != 413:  # a text that is too long may make a body that is: refused before it is read
            case.validate_response(reply, excluded_checks=CHECKS.get_by_names(UNSAYABLE))
        tried[f"{operation.method.upper()} {operation.path}", reply.status_code] += 1

    check()


@pytest.fixture(scope="module")
def server(make: SimpleNamespace) -> Iterator[Any]:
    with make.running(make.scripted().application()) as running:
        yield running


def test_errors_are_described_as_they_are(server: Any) -> None:
    described = server.get("/openapi.json").json()
    operations = [o for methods in described["paths"].values() for o in methods.values()]
    assert all("422" not in operation["responses"] for operation in operations)
    assert "HTTPValidationError" not in described["components"]["schemas"]
    chat = described["paths"]["/v1/chat/completions"]["post"]
    assert set(chat["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}
    assert "`[n]` behind a sentence" in described["info"]["description"]
    for status, reply in chat["responses"].items():
        if status != "200":
            assert reply["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorResponse")


class Page(HTMLParser):
    """Collects links, ids and text, and what would be fetched; checks that tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.text: list[str] = []
        self.fetched: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "a":
            self.links.add(str(found["href"]))
        if found.get("id"):
            self.ids.add(str(found["id"]))
        if tag in ("script", "link", "img", "iframe") or "src" in found:
            self.fetched.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_documentation_needs_no_other_server(server: Any) -> None:
    reply = server.get("/docs")
    assert reply.headers["content-type"].startswith("text/html")
    page = Page()
    page.feed(reply.text)
    assert page.fetched == []
    assert page.open == []
    assert {link.removeprefix("#") for link in page.links if link.startswith("#")} <= page.ids
    described = server.get("/openapi.json").json()
    text = " ".join(page.text)
    assert all(path in text for path in described["paths"])
    assert set(described["components"]["schemas"]) == page.ids


def test_a_name_cannot_break_the_page(make: SimpleNamespace) -> None:
    import dataclasses

    application = dataclasses.replace(make.scripted().application(), name="<script>alert(1)</script>")
    with make.running(application) as server:
        assert "<script" not in server.get("/docs").text


def test_health_and_readiness(make: SimpleNamespace, server: Any) -> None:
    assert server.get("/health").json() == {"status": "ok"}
    ready = server.get("/ready")
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "ready", "release": make.digest, "problems": []},
    )


@pytest.mark.parametrize("broken", [True, False])
def test_not_ready_says_why(make: SimpleNamespace, broken: bool) -> None:
    scripted = make.scripted()

    def documents() -> int:
        if broken:
            raise StoreError("the index is gone")
        return 0

    scripted.documents = documents
    with make.running(scripted.application()) as server:
        reply = server.get("/ready")
        assert reply.status_code == 503
        body = reply.json()
        assert body["status"] == "not ready"
        assert ("gone" if broken else "assay ingest") in body["problems"][0]
        assert server.get("/health").status_code == 200


def test_the_application_is_closed_with_the_server(make: SimpleNamespace) -> None:
    scripted = make.scripted()
    with make.running(scripted.application()) as server:
        assert server.get("/health").status_code == 200
        assert not scripted.shut
    assert scripted.shut


def test_it_waits_for_answers_that_were_cut(make: SimpleNamespace) -> None:
    scripted = make.scripted(script=(0.2, make.answer()))
    app = create_app(scripted.application())
    seen: list[int] = []

    async def run() -> None:
        async with app.router.lifespan_context(app):
            asking = asyncio.create_task(_ask(app))
            await make.eventually(lambda: scripted.working == 1)
        seen.append(scripted.working)
        await asking

    asyncio.run(run())
    assert (seen, scripted.shut) == ([0], True)


async def _ask(app: Any) -> None:
    body = b'{"model": "handbook", "messages": [{"role": "user", "content": "x"}]}'
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "raw_path": b"/v1/chat/completions",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "app": app,
    }
    sent = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Any:
        for message in sent:
            return message
        return await asyncio.Event().wait()

    async def send(message: Any) -> None: ...

    await app(scope, receive, send)
