"""Live traces become samples and cases; what was not recorded is not invented."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay import traces
from assay.answering import spans
from assay.documents import Citation
from assay.errors import InputError, NotFound
from assay.evaluation.cases import Case
from assay.evaluation.datasets.files import append_cases, read_cases
from assay.evaluation.datasets.from_trace import GROUPS, case_from_trace, content_recorded, sample_from_trace
from assay.evaluation.datasets.gathering import gather
from assay.evaluation.samples import Answered, Failed, Passage
from assay.messages import Turn
from assay.models.chat import Usage
from assay.stores.database import Database
from assay.stores.traces import TraceStore
from assay.traces import Attribute, Span, Trace

ID = "ab" * 16
CITATION = Citation("a.md", "c1", 0, 5, "Rain.", "It rains.")
ROOT: dict[str, Attribute] = {
    traces.STAGE: "answer",
    traces.RELEASE: "f00d",
    traces.QUESTION: "Does it rain?",
    GROUPS: ("hr", "public"),
    traces.ANSWER: "It rains.",
    traces.CONFIDENCE: 0.9,
    traces.FIRST_SENTENCE: 12.5,
    traces.COST: 0.25,
    traces.RESPONSE_MODEL: "m-1",
    traces.INPUT_TOKENS: 100,
    traces.OUTPUT_TOKENS: 7,
    traces.CITATIONS: json.dumps(
        [{"document": "a.md", "chunk": "c1", "start": 0, "end": 5, "quote": "Rain.", "sentence": "It rains."}]
    ),
}
HITS = json.dumps(
    [
        {"chunk": "c1", "document": "a.md", "score": 0.9, "kept": True, "ranks": {}},
        {"chunk": "c2", "document": "b.md", "score": 0.8, "kept": True, "ranks": {}},
        {"chunk": "c3", "document": "a.md", "score": 0.7, "kept": True, "ranks": {}},
        {"chunk": "c4", "document": "z.md", "score": 0.1, "kept": False, "ranks": {}},
    ]
)
SHOWN = json.dumps(
    [{"number": 1, "document": "a.md", "chunks": ["c1"], "start": 0, "end": 5, "title": "A › Wet", "text": "Rain."}]
)


def trace(
    root: dict[str, Attribute] | None = None,
    *,
    id: str = ID,
    query: str = "Does it rain?",
    error: str | None = None,
    start: int = 0,
    content: bool = True,
) -> Trace:
    spans = (
        Span("0", None, "answer", start, start + 50_000_000, ROOT if root is None else root, error),
        Span(
            "1",
            "0",
            "retrieve",
            start + 1,
            start + 2,
            {traces.STAGE: "retrieve", traces.QUESTION: query, traces.HITS: HITS},
        ),
        Span("2", "0", "context", start + 3, start + 4, {traces.STAGE: "context", traces.CONTEXT: SHOWN}),
        Span("3", "0", "generate", start + 5, start + 6, {traces.STAGE: "generate", traces.CACHED_TOKENS: 40}),
    )
    if content:
        return Trace(id, spans)
    return Trace(
        id,
        tuple(
            Span(
                s.id,
                s.parent,
                s.name,
                s.start,
                s.end,
                {k: v for k, v in s.attributes.items() if k not in traces.CONTENT and k != GROUPS},
                s.error,
            )
            for s in spans
        ),
    )


def test_a_trace_is_a_sample_with_all_that_a_scorer_may_look_at() -> None:
    sample = sample_from_trace(trace())
    assert sample.outcome == Answered(
        text="It rains.",
        retrieved=("a.md", "b.md"),
        passages=(Passage("a.md", 0, 5, "Rain.", "A › Wet"),),
        citations=(CITATION,),
        confidence=0.9,
        model="m-1",
        milliseconds=50.0,
        first_token_milliseconds=12.5,
        cost=0.25,
        usage=Usage(100, 7, 40),
        trace=ID,
    )
    assert sample.case == Case(
        f"trace-{ID}",
        "Does it rain?",
        access=("hr",),
        provenance={"source": "trace", "trace": ID, "release": "f00d"},
    )
    assert case_from_trace(trace()) == sample.case


def test_groups_are_read_where_they_are_written() -> None:
    assert spans.GROUPS == GROUPS


def test_a_server_may_have_a_span_around_the_answer() -> None:
    inner = trace()
    outer = Span("s", None, "POST /v1", 0, 60_000_000, {"http.route": "/v1"})
    assert sample_from_trace(Trace(ID, (outer, *inner.spans))) == sample_from_trace(inner)


def test_without_content_there_are_times_costs_and_reasons_and_nothing_else() -> None:
    bare = trace({**ROOT, traces.ABSTAINED: "unsupported"}, content=False)
    sample = sample_from_trace(bare)
    assert sample.outcome == Answered(
        text="",
        abstained="unsupported",
        confidence=0.9,
        model="m-1",
        milliseconds=50.0,
        first_token_milliseconds=12.5,
        cost=0.25,
        usage=Usage(100, 7, 40),
        trace=ID,
    )
    assert sample.case.question == ""
    assert sample.case.access is None
    assert sample.case.provenance["content"] is False
    assert not content_recorded(bare)
    with pytest.raises(InputError, match=r"content was not recorded.*content = true"):
        case_from_trace(bare)


def test_an_answer_that_failed_or_never_ended_is_no_answer() -> None:
    begun = {key: value for key, value in ROOT.items() if key in (traces.STAGE, traces.RELEASE, traces.QUESTION)}
    failed = sample_from_trace(
        trace({**begun, traces.ERROR: "ModelTimeout"}, error="ModelTimeout: m: no answer: in 3 s")
    )
    assert failed.outcome == Failed("ModelTimeout", "m: no answer: in 3 s", ID, 50.0)
    unfinished = sample_from_trace(trace(begun)).outcome
    assert isinstance(unfinished, Failed)
    assert unfinished.kind == "Unfinished"
    killed = sample_from_trace(Trace(ID, trace().spans[1:])).outcome  # the root is stored last
    assert isinstance(killed, Failed)
    assert killed.kind == "Unfinished"


def test_a_reader_that_left_at_the_end_had_the_answer() -> None:
    left = trace({**ROOT, traces.ERROR: "Cancelled"}, error="Cancelled: closed before its end")
    assert sample_from_trace(left) == sample_from_trace(trace())


def test_a_trace_of_something_else_is_named() -> None:
    other = Trace(ID, (Span("0", None, "GET /", 0, 1, {"http.route": "/"}),))
    for read in (sample_from_trace, case_from_trace):
        with pytest.raises(InputError, match=f"{ID} is not of an answer"):
            read(other)


def test_a_question_that_leant_on_a_turn_keeps_it() -> None:
    root = {**ROOT, traces.QUESTION: " And there? "}
    case = case_from_trace(trace(root, query="Does it rain\nin May?\nAnd there?"))
    assert (case.question, case.history) == (" And there? ", (Turn("user", "Does it rain\nin May?"),))
    assert case_from_trace(trace(root, query="And there?")).history == ()


def stored(folder: Path, *found: Trace) -> TraceStore:
    store = TraceStore(Database.at(folder / "state.db"))
    store.write([(each.id, span) for each in found for span in each.spans])
    return store


def asked(number: int, question: str, **more: Attribute) -> Trace:
    """Later with its number."""
    root = {**ROOT, traces.QUESTION: question, **{f"assay.{key}": value for key, value in more.items()}}
    return trace(root, id=f"{number:032x}", query=question, start=number * 1_000_000_000)


def test_questions_are_gathered_once_newest_first(tmp_path: Path) -> None:
    store = stored(
        tmp_path,
        asked(1, "old"),
        asked(2, "twice"),
        asked(3, " TWICE  "),
        asked(4, "known"),
        asked(5, "no", abstained="unsupported"),
        trace(id=f"{6:032x}", start=6, content=False),
    )
    known = [Case("k", "Known")]
    found = gather(store, known, limit=10)
    assert [case.question.strip() for case in found.cases] == ["no", "TWICE", "old"]
    assert (found.repeated, found.unrecorded) == (2, 1)
    assert [case.question for case in gather(store, known, limit=1).cases] == ["no"]
    assert [c.question for c in gather(store, known, limit=9, abstained=True).cases] == ["no"]
    assert [c.question.strip() for c in gather(store, known, limit=9, since=3_000_000_000).cases] == ["no", "TWICE"]
    path = tmp_path / "cases.jsonl"
    append_cases(path, found.cases)
    assert read_cases(path) == list(found.cases)
    assert gather(store, read_cases(path), limit=10).cases == (case_from_trace(asked(4, "known")),)
    with pytest.raises(NotFound, match="no trace is of this kind"):
        gather(store, known, limit=10, release="beef")


def test_traces_without_any_question_say_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none of the 1 traces.*content = true under \[tracing\]"):
        gather(stored(tmp_path, trace(content=False)), (), limit=10)
