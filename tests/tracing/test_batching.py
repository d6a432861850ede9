from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from assay.errors import StoreError
from assay.stores.database import Database
from assay.stores.traces import TraceStore
from assay.traces import COST, ERROR, QUESTION, RELEASE, Span
from assay.tracing.batching import Batches
from assay.tracing.opening import open_recorder
from assay.tracing.recorder import Recorder


class Sink:
    """A store that fails the first ``failures`` times, and waits at ``gate`` where there is one."""

    def __init__(self, *, failures: int = 0, gate: threading.Event | None = None) -> None:
        self.failures, self.gate = failures, gate
        self.entered = threading.Event()
        self.batches: list[Sequence[tuple[str, Span]]] = []

    def write(self, spans: Sequence[tuple[str, Span]], /) -> None:
        self.entered.set()
        if self.gate is not None:
            assert self.gate.wait(10)
        if self.failures:
            self.failures -= 1
            raise StoreError("assay.db: the disk is full")
        self.batches.append(spans)

    @property
    def names(self) -> list[str]:
        return [span.name for batch in self.batches for _, span in batch]


def _record(recorder: Recorder, count: int) -> None:
    for number in range(count):
        with recorder.trace(f"s{number}"):
            pass


def test_spans_of_a_trace_reach_the_real_store(tmp_path: Path) -> None:
    store = TraceStore(Database.at(tmp_path / "assay.db"))
    recorder = open_recorder(store=store)
    with (
        recorder.trace("answer", {QUESTION: "Why?", RELEASE: "abc"}) as root,
        recorder.span("generate", {COST: 0.25, "list": ["a", "b"]}) as child,
    ):
        child.fail(StoreError("x"))
    assert recorder.flush()
    trace = store.get(root.trace)
    assert [span.name for span in trace.spans] == ["answer", "generate"]
    assert trace.release == "abc"
    assert trace.spans[1].attributes == {COST: 0.25, "list": ("a", "b"), ERROR: "StoreError"}
    assert trace.spans[1].error == "StoreError: x"
    (line,) = store.list(10)
    assert (line.question, line.cost, line.error) == ("Why?", 0.25, None)
    recorder.close()


def test_closing_hands_over_what_is_queued() -> None:
    sink = Sink()
    recorder = open_recorder(store=sink)
    _record(recorder, 1500)
    recorder.close()
    assert sink.names == [f"s{number}" for number in range(1500)]
    assert max(len(batch) for batch in sink.batches) <= 512
    recorder.close()  # twice does no harm


def test_a_passing_failure_loses_nothing() -> None:
    sink, reports = Sink(failures=1), list[str]()
    recorder = open_recorder(store=sink, report=reports.append)
    _record(recorder, 3)
    assert recorder.flush(10)
    assert sink.names == ["s0", "s1", "s2"]
    assert reports == []
    recorder.close()


def test_a_lasting_failure_is_counted_and_reported_once() -> None:
    sink, reports = Sink(failures=1000), list[str]()
    processor = _batches(sink, reports)
    recorder = Recorder([processor])
    for _ in range(3):
        _record(recorder, 2)
        assert recorder.flush(10)
    recorder.close()
    assert processor.lost == 6
    assert processor.failures == 9
    assert reports == [
        "traces could not be written to the trace store: assay.db: the disk is full; answers are not affected"
    ]


def test_a_slow_store_never_blocks_an_answer() -> None:
    gate, reports = threading.Event(), list[str]()
    sink = Sink(gate=gate)
    processor = _batches(sink, reports, capacity=10, size=4)
    recorder = Recorder([processor])
    _record(recorder, 4)
    assert sink.entered.wait(10)
    _record(recorder, 30)  # returns although nothing can be written
    assert processor.lost == 20
    assert reports
    assert "more spans came than it takes" in reports[0]
    assert not recorder.flush(0.01)
    gate.set()
    assert recorder.flush(10)
    assert len(sink.names) == 14
    recorder.close()


def test_after_closing_nothing_is_taken() -> None:
    sink = Sink()
    recorder = open_recorder(store=sink)
    recorder.close()
    _record(recorder, 1)
    assert sink.names == []


def test_an_exporter_that_refuses_is_a_failure() -> None:
    class Refusing(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            return SpanExportResult.FAILURE

    reports: list[str] = []
    processor = Batches(Refusing(), target="x", report=reports.append, attempts=1)
    recorder = Recorder([processor])
    _record(recorder, 1)
    recorder.close()
    assert processor.lost == 1
    assert "not accepted" in reports[0]


def _batches(sink: Sink, reports: list[str], capacity: int = 4096, size: int = 512) -> Batches:
    from assay.tracing.store_exporter import StoreExporter

    return Batches(
        StoreExporter(sink),
        target="the trace store",
        report=reports.append,
        capacity=capacity,
        size=size,
        delay=0.005,
    )
