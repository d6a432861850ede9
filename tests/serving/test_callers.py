"""Who may read what, over HTTP: with a real application, since access is kept in its index."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from assay.releases.build import open_application
from assay.releases.inspection import opened_traces
from assay.releases.project import Project

SECRET = "What is the salary of the director?"


def documents(reply: Any) -> set[str]:
    assert reply.status_code == 200, reply.text
    return {hit["document"] for hit in reply.json()["hits"]}


def search(server: Any, text: str = SECRET, **headers: str) -> Any:
    return server.post("/v1/search", {"query": text, "k": 50}, headers=headers)


@pytest.mark.parametrize("name", ["X-Groups", "x-groups"])
def test_groups_of_the_header_hold_in_search_and_answers(real_server: Any, name: str) -> None:
    assert documents(search(real_server)) == {"refunds.md"}
    assert documents(search(real_server, **{name: "board"})) == {"refunds.md", "salaries.md"}
    assert documents(search(real_server, **{name: "sales ,board,,"})) == {"refunds.md", "salaries.md"}
    assert documents(search(real_server, **{name: "boar,boards,Board"})) == {"refunds.md"}
    known = real_server.chat(SECRET, headers={name: "board"}).json()
    assert "90000" in known["choices"][0]["message"]["content"]
    assert {c["document"] for c in known["assay"]["citations"]} == {"salaries.md"}
    unknown = real_server.chat(SECRET)
    assert unknown.json()["assay"]["abstained"]["reason"] == "not_in_corpus"
    assert "90000" not in unknown.text
    assert "salaries" not in unknown.text


def test_without_the_option_the_header_is_not_read(make: SimpleNamespace) -> None:
    scripted = make.scripted()
    with make.running(scripted.application()) as server:
        search(server, **{"X-Groups": "board"})
        server.chat(headers={"X-Groups": "board"})
    assert scripted.searched[0]["groups"] == scripted.questions[0].groups == frozenset({"public"})


@pytest.fixture(scope="module")
def without(make: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The same application, where the board's document does not exist."""
    made = make.project(tmp_path_factory.mktemp("without"))
    (made.file.directory.parent / "board" / "salaries.md").unlink()
    with make.running(open_application(make.ingested(made)), groups_header="X-Groups") as server:
        yield server


@pytest.mark.parametrize("question", [SECRET, "How long does shipping to Norway take?", "salaries.md"])
def test_what_cannot_be_read_looks_like_what_is_not_there(without: Any, real_server: Any, question: str) -> None:
    assert search(without, question).json()["hits"] == search(real_server, question).json()["hits"]
    absent, unreadable = without.chat(question).json(), real_server.chat(question).json()
    for reply in (absent, unreadable):
        for changing in ("id", "created"):
            del reply[changing]
        for changing in ("trace", "milliseconds"):
            del reply["assay"][changing]
    assert absent == unreadable


def test_a_header_that_came_twice_is_refused(make: SimpleNamespace) -> None:
    scripted = make.scripted()
    with make.running(scripted.application(), groups_header="X-Groups") as server:
        twice = [("X-Groups", "board"), ("X-Groups", "sales")]
        reply = server.post("/v1/search", {"query": "x"}, headers=twice)
        assert (reply.status_code, scripted.searched) == (400, [])
        assert "came twice" in reply.json()["error"]["message"]
        server.post("/v1/search", {"query": "x"}, headers={"X-Groups": "équipe".encode()})
        assert scripted.searched[0]["groups"] == frozenset({"public", "équipe"})


def test_the_callers_trace_is_joined(real_server: Any, real: Project) -> None:
    caller = "0af7651916cd43dd8448eb211c80319c"
    header = {"traceparent": f"00-{caller}-b7ad6b7169203331-01"}
    one = real_server.chat("How long does shipping to Norway take?", headers=header).json()
    two = real_server.chat("How long does shipping to Norway take?", headers=header).json()
    assert one["assay"]["trace"] == two["assay"]["trace"] == caller
    assert one["id"] != two["id"]
    own = real_server.chat("How long does shipping to Norway take?", headers={"traceparent": "nonsense"}).json()
    assert own["assay"]["trace"] != caller
    # The spans are written behind the answer: what is asked of the store waits for them.
    assert _parents(real, caller) == {"b7ad6b7169203331"}


def _parents(project: Project, trace: str) -> set[str | None]:
    import time

    from assay.errors import NotFound

    for _ in range(1_000):
        with opened_traces(project) as traces:
            try:
                roots = [span for span in traces.get(trace).spans if span.name == "answer"]
            except NotFound:
                roots = []
        if len(roots) == 2:
            return {span.parent for span in roots}
        time.sleep(0.01)
    raise AssertionError("the trace was not written")


def test_a_conversation_over_the_real_index(real_server: Any) -> None:
    first = real_server.chat("How long does shipping to Norway take?").json()
    said = first["choices"][0]["message"]["content"]
    assert "four days. [1]" in said
    cited = first["assay"]["citations"][0]
    assert (cited["number"], cited["document"]) == (1, "refunds.md")
    assert "four days" in cited["quote"]
    follow = [
        {"role": "user", "content": "How long does shipping to Norway take?"},
        {"role": "assistant", "content": said},
        {"role": "user", "content": "And parcels to Spain?"},
    ]
    second = real_server.post("/v1/chat/completions", {"model": "handbook", "messages": follow}).json()
    assert "two days" in second["choices"][0]["message"]["content"]


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "🤷" * 4_000, "x" * 19_000, "\u202e\ufeff", "NOT AND ( [ ^ ~ *:"])
def test_odd_questions_reach_the_index_unharmed(real_server: Any, text: str) -> None:
    assert search(real_server, text).status_code == 200
    reply = real_server.chat(text)
    assert reply.status_code == 200
    assert reply.json()["assay"]["abstained"]["reason"] in ("not_in_corpus", "underspecified")


def test_too_long_a_question_is_refused(real_server: Any) -> None:
    reply = real_server.chat("x" * 20_001)
    assert reply.status_code == 400
    assert "20001 characters" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("where", "status"), [({"a": 10**30}, 200), ({"a": -1.5}, 200), ({"x" * 5_000: True}, 200), ({"": ""}, 200)]
)
def test_odd_filters_match_nothing(real_server: Any, where: dict[str, Any], status: int) -> None:
    reply = real_server.post("/v1/search", {"query": "refund", "where": where})
    assert (reply.status_code, reply.json().get("hits")) == (status, [])


@pytest.mark.parametrize("value", ["NaN", "1e999", "-Infinity"])
def test_filters_that_cannot_be_compared_are_refused(real_server: Any, value: str) -> None:
    body = f'{{"query": "x", "where": {{"a": {value}}}}}'
    headers = {"Content-Type": "application/json"}
    assert real_server.post("/v1/search", content=body.encode(), headers=headers).status_code == 400
