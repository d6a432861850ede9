from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assay.traces import ERROR, QUESTION, RELEASE, Span, Trace
from assay.tracing.tree import as_dict, branches, duration, lines, timings

MS = 1_000_000


def _trace() -> Trace:
    return Trace(
        "4bf92f35" * 4,
        (
            Span("a", None, "answer", 0, 200 * MS, {QUESTION: "Why?", RELEASE: "0123456789abcdef"}),
            Span("b", "a", "retrieve", 0, 50 * MS, {"assay.stage": "x", "k": 3, "ok": True}),
            Span("c", "b", "embed", 5 * MS, 15 * MS, {"gen_ai.request.model": "minilm"}),
            Span("d", "b", "search", 15 * MS, 45 * MS, {"scores": (0.123456, 2.0)}),
            Span("e", "a", "generate", 50 * MS, 190 * MS, {ERROR: "ModelTimeout"}, "ModelTimeout: no answer\nmore"),
        ),
    )


def test_the_tree_as_lines() -> None:
    assert lines(_trace()) == [
        "trace 4bf92f354bf92f354bf92f354bf92f35  release 0123456789ab",
        "answer            200.0 ms  100%",
        "├─ retrieve        50.0 ms   25%  stage=x  k=3  ok=true",
        "│  ├─ embed        10.0 ms    5%  request.model=minilm",
        "│  └─ search       30.0 ms   15%  scores=0.1235,2",
        "└─ generate       140.0 ms   70%  ! ModelTimeout: no answer",
    ]


def test_the_tree_as_data() -> None:
    found = as_dict(_trace())
    assert found["milliseconds"] == 200
    assert found["release"] == "0123456789abcdef"
    assert [(s["name"], s["depth"], s["start"]) for s in found["spans"]] == [
        ("answer", 0, 0),
        ("retrieve", 1, 0),
        ("embed", 2, 5),
        ("search", 2, 15),
        ("generate", 1, 50),
    ]
    assert found["spans"][0]["attributes"][QUESTION] == "Why?"


def test_a_root_whose_parent_is_elsewhere_is_a_root() -> None:
    trace = Trace("t", (Span("a", "caller", "answer", 10, 20), Span("b", "caller", "answer", 30, 50)))
    assert [branch.depth for branch in branches(trace)] == [0, 0]
    assert duration(trace) == 40 / 1e6


def test_a_trace_without_duration_has_no_shares() -> None:
    assert [branch.share for branch in branches(Trace("t", (Span("a", None, "x", 5, 5),)))] == [0.0]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=40))
def test_every_span_has_one_place_below_its_parent(parents: list[int]) -> None:
    spans = tuple(Span(str(n), str(p) if p < n else None, f"s{n}", n, 100) for n, p in enumerate(parents))
    found = branches(Trace("t", spans))
    assert sorted(branch.span.id for branch in found) == sorted(span.id for span in spans)
    depth = {branch.span.id: branch.depth for branch in found}
    for span in spans:
        assert depth[span.id] == (depth[span.parent] + 1 if span.parent else 0)
    assert len(lines(Trace("t", spans))) == len(spans) + 1


def test_a_very_deep_trace_is_no_trouble() -> None:
    spans = tuple(Span(str(n), str(n - 1) if n else None, "x", n, 10_000) for n in range(3000))
    assert branches(Trace("t", spans))[-1].depth == 2999


def test_timings_are_the_steps_below_the_root() -> None:
    root = Span("r", None, "answer", 0, 10_000_000)
    steps = [Span("a", "r", "retrieve", 0, 2_000_000), Span("b", "r", "generate", 2_000_000, 10_000_000)]
    inner = Span("c", "b", "call", 3_000_000, 4_000_000)
    assert timings(Trace("t", (root, *steps, inner))) == "retrieve 2 ms (20%) · generate 8 ms (80%)"
