from __future__ import annotations

import asyncio
import contextvars
import math
import threading
from collections.abc import AsyncGenerator, Iterator

import anyio
import anyio.lowlevel
import pytest
from opentelemetry import trace as global_trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from assay.errors import ModelTimeout
from assay.traces import ERROR, INPUT_TOKENS, QUESTION, Span
from assay.tracing.recorder import OpenSpan, Recorder
from assay.tracing.store_exporter import converted


class Recorded:
    """A recorder and what it has recorded, by the spans' names."""

    def __init__(self, *, content: bool = True) -> None:
        self.exporter = InMemorySpanExporter()
        self.recorder = Recorder([SimpleSpanProcessor(self.exporter)], content=content)

    def spans(self) -> dict[str, Span]:
        return {span.name: converted(span)[1] for span in self.exporter.get_finished_spans()}

    def parent(self, name: str) -> str | None:
        spans = self.spans()
        return next((other.name for other in spans.values() if other.id == spans[name].parent), None)


def _open_id(recorded: Recorded) -> str | None:
    span = recorded.recorder.current
    return span.id if span else None


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    made = Recorded()
    yield made
    made.recorder.close()


def test_spans_nest_and_carry_attributes(recorded: Recorded) -> None:
    with recorded.recorder.trace("answer", {QUESTION: "Why?"}) as root:
        with recorded.recorder.span("retrieve", {"k": 3, "none": None}) as span:
            span.set("mode", "hybrid")
            assert _open_id(recorded) == span.id
            assert span.trace == root.trace
        with recorded.recorder.span("generate"):
            pass
    assert len(root.trace) == 32
    assert _open_id(recorded) is None
    assert recorded.parent("retrieve") == recorded.parent("generate") == "answer"
    assert recorded.parent("answer") is None
    assert recorded.spans()["retrieve"].attributes == {"k": 3, "mode": "hybrid"}
    assert recorded.spans()["answer"].end >= recorded.spans()["generate"].end


def test_a_trace_is_new_whatever_is_open(recorded: Recorded) -> None:
    with recorded.recorder.trace("one") as one, recorded.recorder.trace("two") as two:
        assert one.trace != two.trace
    assert recorded.parent("two") is None


def test_a_span_with_nothing_open_is_a_root(recorded: Recorded) -> None:
    with recorded.recorder.span("alone") as span:
        assert recorded.recorder.current is span
    assert recorded.spans()["alone"].parent is None


def test_two_recorders_do_not_mix(recorded: Recorded) -> None:
    other = Recorded()
    with recorded.recorder.trace("ours") as ours, other.recorder.span("theirs") as theirs:
        assert theirs.trace != ours.trace
        assert recorded.recorder.current is ours
        with recorded.recorder.span("inner"):
            pass
    assert other.parent("theirs") is None
    assert recorded.parent("inner") == "ours"


def test_the_global_provider_is_left_alone(recorded: Recorded) -> None:
    before = global_trace.get_tracer_provider()
    with recorded.recorder.trace("answer"):
        # Instrumented clients see our span as the current one.
        assert global_trace.get_current_span().get_span_context().trace_id != 0
    assert global_trace.get_tracer_provider() is before


def test_errors_carry_type_and_message(recorded: Recorded) -> None:
    with pytest.raises(ModelTimeout), recorded.recorder.trace("answer"), recorded.recorder.span("generate"):
        raise ModelTimeout("no answer in 30 s", model="openai:x")
    span = recorded.spans()["generate"]
    assert span.error == "ModelTimeout: openai:x: no answer in 30 s"
    assert span.attributes[ERROR] == "ModelTimeout"
    assert recorded.spans()["answer"].error == span.error


def test_an_error_that_is_told_and_not_raised(recorded: Recorded) -> None:
    with recorded.recorder.trace("answer") as span:
        span.fail(ValueError("bad"))
    assert recorded.spans()["answer"].error == "ValueError: bad"


def test_an_unexpected_error_keeps_its_stack(recorded: Recorded) -> None:
    with pytest.raises(KeyError), recorded.recorder.trace("answer"):
        raise KeyError("x")
    (span,) = recorded.exporter.get_finished_spans()
    assert "test_recorder" in str(dict(span.events[0].attributes or {})["exception.stacktrace"])


def test_what_comes_after_the_end_is_ignored(recorded: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    with recorded.recorder.trace("answer") as span:
        pass
    span.set("late", 1)
    span.fail(ValueError("late"))
    assert recorded.spans()["answer"].attributes == {}
    assert recorded.spans()["answer"].error is None
    assert not caplog.records


def test_odd_values_are_recorded(recorded: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    with recorded.recorder.trace("answer") as span:
        span.update({"surrogate": "a\ud800b", "list": ["x", "\udfff"], "empty": [], "floats": (1.0, 2.5)})
    found = recorded.spans()["answer"].attributes
    assert found["surrogate"] == "a?b"
    assert found["list"] == ("x", "?")
    assert found["floats"] == (1.0, 2.5)
    assert not caplog.records


@pytest.mark.anyio
async def test_tasks_hang_below_what_is_open(recorded: Recorded) -> None:
    async def work(name: str) -> None:
        with recorded.recorder.span(name):
            await anyio.lowlevel.checkpoint()
            with recorded.recorder.span(f"{name}.inner"):
                await anyio.lowlevel.checkpoint()

    with recorded.recorder.trace("answer"):
        async with anyio.create_task_group() as group:
            for name in ("a", "b", "c"):
                group.start_soon(work, name)
    for name in ("a", "b", "c"):
        assert recorded.parent(name) == "answer"
        assert recorded.parent(f"{name}.inner") == name


@pytest.mark.anyio
async def test_threads_hang_below_what_is_open(recorded: Recorded) -> None:
    def work() -> None:
        with recorded.recorder.span("thread"):
            pass

    with recorded.recorder.trace("answer"):
        await anyio.to_thread.run_sync(work)
    assert recorded.parent("thread") == "answer"


async def _stream(recorder: Recorder, name: str) -> AsyncGenerator[int, None]:
    with recorder.span(name):
        for number in range(3):
            with recorder.span(f"{name}.{number}"):
                pass
            yield number


@pytest.mark.anyio
async def test_a_stream_that_is_closed_early(recorded: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    with recorded.recorder.trace("answer") as root:
        stream = _stream(recorded.recorder, "stream")
        assert await anext(stream) == 0
        await stream.aclose()
        assert recorded.recorder.current is root
        with recorded.recorder.span("after"):
            pass
    assert recorded.spans()["stream"].error == "Cancelled: closed before its end"
    assert recorded.parent("after") == "answer"
    assert not caplog.records


@pytest.mark.anyio
async def test_a_stream_that_is_closed_by_another_task(recorded: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    with recorded.recorder.trace("answer"):
        stream = _stream(recorded.recorder, "stream")
        await anext(stream)
        await asyncio.get_running_loop().create_task(stream.aclose(), context=contextvars.Context())
        with recorded.recorder.span("after"):  # the stream's span is still in this context, but it is closed
            pass
    assert recorded.parent("after") == "answer"
    assert recorded.recorder.current is None
    assert recorded.spans()["stream"].error is not None
    assert not caplog.records


@pytest.mark.anyio
async def test_streams_that_interleave(recorded: Recorded) -> None:
    with recorded.recorder.trace("answer") as root:
        first, second = _stream(recorded.recorder, "first"), _stream(recorded.recorder, "second")
        await anext(first)
        await anext(second)
        assert [n async for n in first] == [1, 2]  # the outer one ends before the inner one
        with recorded.recorder.span("explicit", parent=root):
            pass
        assert [n async for n in second] == [1, 2]
        assert recorded.recorder.current is root
        with recorded.recorder.span("after"):
            pass
    assert recorded.parent("after") == recorded.parent("explicit") == "answer"
    assert all(span.error is None for span in recorded.spans().values())


@pytest.mark.anyio
async def test_a_cancelled_task_is_recorded(recorded: Recorded) -> None:
    with recorded.recorder.trace("answer"):
        with anyio.move_on_after(0):
            with recorded.recorder.span("slow"):
                await anyio.sleep_forever()
    assert recorded.spans()["slow"].error == "Cancelled: closed before its end"
    assert recorded.spans()["answer"].error is None


TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize("flags", ["00", "01"])
def test_an_incoming_traceparent_is_continued(recorded: Recorded, flags: str) -> None:
    with recorded.recorder.trace("answer", traceparent=f"00-{TRACE}-{PARENT}-{flags}") as root:
        assert root.trace == TRACE
        assert root.traceparent == f"00-{TRACE}-{root.id}-01"
    # Recorded even where the caller did not sample: what is measured is not for a client to switch off.
    assert recorded.spans()["answer"].parent == PARENT


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE.upper()}-{PARENT}-01",
    ],
)
def test_an_invalid_traceparent_is_ignored(recorded: Recorded, header: str) -> None:
    with recorded.recorder.trace("answer", traceparent=header) as root:
        assert root.trace != TRACE
        assert int(root.trace, 16) != 0
    assert recorded.spans()["answer"].parent is None


def test_with_the_sdk_switched_off_traces_still_have_their_own_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    made = Recorded()
    with made.recorder.trace("one") as one, made.recorder.span("inner") as inner:
        inner.set(INPUT_TOKENS, 3)
        assert inner.trace == one.trace
    with made.recorder.trace("two") as two:
        pass
    assert one.trace != two.trace
    assert int(one.trace, 16) != 0
    assert made.spans() == {}


def test_many_threads_record_at_once(recorded: Recorded) -> None:
    def work(number: int) -> None:
        with recorded.recorder.trace(f"root{number}"), recorded.recorder.span(f"child{number}"):
            pass

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(recorded.parent(f"child{number}") == f"root{number}" for number in range(16))


def test_service_and_resource_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "handbook")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=staging")
    made = Recorded()
    with made.recorder.trace("answer"):
        pass
    resource = made.exporter.get_finished_spans()[0].resource.attributes
    assert resource["service.name"] == "handbook"
    assert resource["deployment.environment.name"] == "staging"


def test_numbers_that_are_not_finite_do_not_stop_recording(recorded: Recorded) -> None:
    with recorded.recorder.trace("answer", {"x": math.inf}) as span:
        assert isinstance(span, OpenSpan)
    assert recorded.spans()["answer"].attributes["x"] == math.inf
