"""Recording what happens while an answer is made, as spans of OpenTelemetry.

A recorder has a tracer provider of its own; the process's global one is neither read nor
set. The open span is kept in OpenTelemetry's context, so that spans nest across ``await``,
tasks and threads, and that instrumented clients join the trace.

Spans may be opened in generators. A generator that is closed early, or by another task,
ends its spans all the same, and what is opened afterwards hangs below the nearest span that
is still open. While such a generator is suspended its span is the current one for its
consumer too: where both record, name the parent (``span(..., parent=...)``).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as OpenTelemetrySpan

from assay import __version__
from assay.errors import AssayError, Cancelled
from assay.sayable import sayable
from assay.traces import ERROR, Attribute
from assay.tracing.redaction import admits, error_text, error_type

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

Attributes: TypeAlias = Mapping[str, Attribute | None]
"""What a span is given; None is left out."""

_OPEN = contexts.create_key("assay.span")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class OpenSpan:
    """A span that is being recorded. ``trace`` and ``id`` are hexadecimal as in OpenTelemetry."""

    __slots__ = ("_content", "_outer", "_recorder", "_span", "closed", "id", "trace")

    def __init__(
        self, recorder: Recorder, span: OpenTelemetrySpan, outer: Context, *, trace: str, content: bool
    ) -> None:
        self._recorder, self._span, self._outer, self._content = recorder, span, outer, content
        self.trace = trace
        self.id = f"{span.get_span_context().span_id:016x}"
        self.closed = False

    @property
    def traceparent(self) -> str:
        """The header that lets another service hang its spans below this one."""
        return f"00-{self.trace}-{self.id}-01"

    def set(self, key: str, value: Attribute | None) -> None:
        """Record an attribute. None, and content where that is off, is left out; so is all after the end."""
        if value is not None and not self.closed and admits(key, value, content=self._content):
            self._span.set_attribute(key, _recordable(value))

    def update(self, attributes: Attributes) -> None:
        """Record several attributes."""
        for key, value in attributes.items():
            self.set(key, value)

    def fail(self, error: BaseException) -> None:
        """Record that this step failed, for errors that are told and not raised."""
        if self.closed:
            return
        self._span.set_attribute(ERROR, error_type(error))
        self._span.set_status(Status(StatusCode.ERROR, sayable(error_text(error, content=self._content))))
        if self._content and not isinstance(error, AssayError):
            self._span.record_exception(error)  # a bug: its stack is wanted

    def _close(self) -> None:
        self.closed = True
        self._span.end()


class Recorder:
    """Opens spans and hands finished ones to processors. Safe for use from several threads.
    Close it when done; what is forgotten is closed when the process ends.

    ``content`` False leaves out what people and documents said, see ``assay.tracing.redaction``.
    ``OTEL_SERVICE_NAME``, ``OTEL_RESOURCE_ATTRIBUTES`` and ``OTEL_SDK_DISABLED`` are honoured;
    with the last nothing is recorded, and traces still have ids of their own.
    """

    def __init__(
        self, processors: Sequence[SpanProcessor] = (), *, content: bool = True, service: str = "assay"
    ) -> None:
        named = Resource({"service.name": service, "service.version": __version__})
        # Whether to record is the application's choice: a caller's unsampled traceparent does not switch it off.
        self._provider = TracerProvider(sampler=ALWAYS_ON, resource=named.merge(OTELResourceDetector().detect()))
        for processor in processors:
            self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("assay", __version__)
        self.content = content

    @contextmanager
    def trace(
        self, name: str, attributes: Attributes | None = None, *, traceparent: str | None = None
    ) -> Iterator[OpenSpan]:
        """Open the root span of a new trace, whatever is open around it.

        ``traceparent`` is the caller's header (W3C Trace Context): the trace is then part of the
        caller's. One that is not valid is ignored.
        """
        remote = _remote(traceparent)
        around = contexts.get_current()
        base = set_span_in_context(NonRecordingSpan(remote) if remote else _NOTHING, around)
        kind = SpanKind.SERVER if remote else SpanKind.INTERNAL
        span = self._tracer.start_span(name, context=base, kind=kind)
        own = span.get_span_context().trace_id or (remote.trace_id if remote else 0)
        trace = f"{own:032x}" if own else secrets.token_hex(16)
        yield from self._open(OpenSpan(self, span, around, trace=trace, content=self.content), attributes)

    @contextmanager
    def span(
        self, name: str, attributes: Attributes | None = None, *, parent: OpenSpan | None = None
    ) -> Iterator[OpenSpan]:
        """Open a span below ``parent``, or below the innermost span that is open here.

        With none open it is the root of a new trace. An exception that passes through is recorded.
        """
        parent = parent or self.current
        if parent is None:
            with self.trace(name, attributes) as root:
                yield root
            return
        around = contexts.get_current()
        span = self._tracer.start_span(name, context=set_span_in_context(parent._span, around))
        opened = OpenSpan(self, span, around, trace=parent.trace, content=self.content)
        yield from self._open(opened, attributes)

    @property
    def current(self) -> OpenSpan | None:
        """The innermost span of this recorder that is open here."""
        return _innermost(contexts.get_current(), self)[0]

    def flush(self, seconds: float = 5.0) -> bool:
        """Wait until all finished spans have been handed over; False when the time was not enough."""
        return self._provider.force_flush(int(seconds * 1000))

    def close(self) -> None:
        """Hand over what is finished and release the processors."""
        self._provider.shutdown()

    def _open(self, span: OpenSpan, attributes: Attributes | None) -> Iterator[OpenSpan]:
        span.update(attributes or {})
        mine = contexts.set_value(_OPEN, span, set_span_in_context(span._span, span._outer))
        contexts.attach(mine)
        try:
            yield span
        except Exception as error:
            span.fail(error)
            raise
        except BaseException:  # a closed generator, a cancelled task, an interrupt: whatever the event loop
            span.fail(Cancelled("closed before its end"))
            raise
        finally:
            span._close()
            # No token: it could not be used from the context of another task, as when a generator is closed there.
            if contexts.get_value(_OPEN) is span:
                contexts.attach(_innermost(span._outer, None)[1])


_NOTHING = NonRecordingSpan(SpanContext(0, 0, is_remote=False))


def _innermost(context: Context, recorder: Recorder | None) -> tuple[OpenSpan | None, Context]:
    """The innermost span that is open in a context, of this recorder if one is given, with its context."""
    while isinstance(span := context.get(_OPEN), OpenSpan):
        if not span.closed and (recorder is None or span._recorder is recorder):
            return span, context
        context = span._outer
    return None, context


def _remote(header: str | None) -> SpanContext | None:
    found = _TRACEPARENT.fullmatch(header.strip()) if header else None
    if found is None or (found[4] and found[0].startswith("00")):
        return None
    return SpanContext(int(found[1], 16), int(found[2], 16), is_remote=True, trace_flags=TraceFlags(int(found[3], 16)))


def _recordable(value: Attribute) -> Attribute:
    if isinstance(value, str):
        return sayable(value)
    if isinstance(value, bool | int | float):
        return value
    texts = [item for item in value if isinstance(item, str)]
    return [sayable(text) for text in texts] if len(texts) == len(value) else value
