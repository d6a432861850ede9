"""Finished spans into the trace store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import StatusCode

from assay.traces import ERROR, Attribute, Span
from assay.tracing.batching import Batches, log


class SpanStore(Protocol):
    """What is needed of ``assay.stores.traces.TraceStore``."""

    def write(self, spans: Sequence[tuple[str, Span]], /) -> None:
        """Keep spans, each with the id of its trace. Raises StoreError."""
        ...


class StoreExporter(SpanExporter):
    """Writes batches of spans, each batch in one transaction."""

    def __init__(self, store: SpanStore) -> None:
        self._store = store

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write a batch. Raises what the store raises."""
        self._store.write([converted(span) for span in spans])
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing: the store belongs to the caller."""


def to_store(store: SpanStore, *, report: Callable[[str], None] = log) -> Batches:
    """A processor that writes to the trace store in the background."""
    return Batches(StoreExporter(store), target="the trace store", report=report)


def converted(span: ReadableSpan) -> tuple[str, Span]:
    """A finished span of OpenTelemetry as one of ours, with the id of its trace."""
    attributes = {key: _attribute(value) for key, value in (span.attributes or {}).items()}
    error = span.status.description if span.status.status_code is StatusCode.ERROR else None
    if error is None and span.status.status_code is StatusCode.ERROR:
        error = str(attributes.get(ERROR, "error"))
    identity, parent = span.context, span.parent
    return f"{identity.trace_id:032x}", Span(
        id=f"{identity.span_id:016x}",
        parent=f"{parent.span_id:016x}" if parent else None,
        name=span.name,
        start=span.start_time or 0,
        end=span.end_time or span.start_time or 0,
        attributes=attributes,
        error=error,
    )


def _attribute(value: Any) -> Attribute:
    return tuple(value) if isinstance(value, list | tuple) else value
