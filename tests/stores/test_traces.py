from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import InputError, NotFound
from assay.stores.database import Database
from assay.stores.traces import TraceStore, TraceSummary
from assay.traces import ABSTAINED, COST, ERROR, QUESTION, RELEASE, Span

A, B, C = "aa" + "0" * 30, "ab" + "0" * 30, "cc" + "0" * 30


@pytest.fixture
def store(tmp_path: Path) -> TraceStore:
    return TraceStore(Database.at(tmp_path / "state.db"))


def root(start: int = 1_000_000, **rest: object) -> Span:
    attributes = {RELEASE: "f00d", QUESTION: "Why?", COST: 0.5}
    return Span("r", None, "answer", start, start + 9_000_000, rest.pop("attributes", attributes), **rest)  # type: ignore[arg-type]


def child(id: str, start: int, parent: str = "r", *, cost: float | None = None) -> Span:
    return Span(id, parent, "step", start, start + 1_000_000, {} if cost is None else {COST: cost})


def test_a_trace_comes_back_whole_and_in_order(store: TraceStore) -> None:
    odd = Span(
        "s2",
        "r",
        "tool\0\ud800",
        3_000_000,
        4_000_000,
        {"list": ("a", "b"), "numbers": (1, 2.5), "true": True, "text": "\ud800 \0 é"},
        "ModelTimeout: no answer",
    )
    store.write([(A, odd)])
    store.write([(A, child("s1", 2_000_000)), (B, root()), (A, root())])
    trace = store.get(A)
    assert (trace.id, trace.release) == (A, "f00d")
    assert [span.id for span in trace.spans] == ["r", "s1", "s2"]
    assert trace.spans[0] == root()
    assert trace.spans[2].attributes == odd.attributes
    assert trace.spans[2].error == odd.error
    assert trace.spans[2].milliseconds == 1


def test_the_root_is_first_even_when_all_start_at_once(store: TraceStore) -> None:
    store.write([(A, child("a", 1_000_000)), (A, child("b", 1_000_000, "a")), (A, root(1_000_000))])
    assert store.get(A).root.id == "r"
    remote = Span("z", "somewhere else", "answer", 1_000_000, 5_000_000)
    store.write([(B, child("a", 1_000_000, "z")), (B, remote)])
    assert store.get(B).root.id == "z"


def test_a_span_written_again_stays_as_it_was(store: TraceStore) -> None:
    store.write([(A, root())])
    store.write([(A, root(start=5)), (A, root(start=5))])
    assert store.get(A).spans == (root(),)


def test_a_prefix_names_one_trace(store: TraceStore) -> None:
    store.write([(trace, root()) for trace in (A, B, C)])
    assert store.get("cc").id == store.get("CC00").id == C
    assert store.get("ab").id == B
    with pytest.raises(InputError, match="several traces"):
        store.get("a")
    for absent in ("d", "", " ", C + "0", "%", "_"):
        with pytest.raises(NotFound):
            store.get(absent)


def test_summaries_are_newest_first_and_filtered(store: TraceStore) -> None:
    store.write(
        [
            (A, root(1_000_000)),
            (B, root(2_000_000, attributes={RELEASE: "beef", ABSTAINED: "not_in_corpus"})),
            (C, root(3_000_000, attributes={RELEASE: "f00d", ERROR: "ModelTimeout"})),
        ]
    )
    assert [line.id for line in store.list(10)] == [C, B, A]
    assert [line.id for line in store.list(2)] == [C, B]
    assert store.list(0) == []
    assert [line.id for line in store.list(10, release="f00d")] == [C, A]
    assert [line.id for line in store.list(10, release="BE")] == [B]
    assert [line.id for line in store.list(10, since=2_000_000)] == [C, B]
    assert [line.id for line in store.list(10, failed=True)] == [C]
    assert [line.id for line in store.list(10, failed=False)] == [B, A]
    assert store.list(10)[2] == TraceSummary(A, 1_000_000, 9.0, "f00d", "Why?", None, 0.5, None)
    assert store.list(10)[1].abstained == "not_in_corpus"
    assert store.list(10)[0].error == "ModelTimeout"


def test_a_summary_follows_the_spans_that_come_later(store: TraceStore) -> None:
    store.write([(A, child("s1", 2_000_000, cost=0.25)), (A, child("s2", 3_000_000, cost=0.5))])
    (line,) = store.list(10)
    assert (line.started, line.question) == (2_000_000, None)
    store.write([(A, root(attributes={QUESTION: "Why?"}))])
    (line,) = store.list(10)
    assert (line.started, line.milliseconds, line.question, line.cost) == (1_000_000, 9.0, "Why?", 0.75)
    store.write([])


def test_thousands_in_one_batch(store: TraceStore) -> None:
    spans = [(f"{n:032x}", span) for n in range(2500) for span in (root(n), child("s", n + 1))]
    store.write(spans)
    assert len(store.list(10_000)) == 2500
    assert len(store.get(f"{7:032x}").spans) == 2
