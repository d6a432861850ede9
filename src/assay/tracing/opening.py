"""A recorder as an application's settings ask for it."""

from __future__ import annotations

from collections.abc import Callable

from assay.tracing.batching import log
from assay.tracing.otlp import to_collector
from assay.tracing.recorder import Recorder
from assay.tracing.store_exporter import SpanStore, to_store


def open_recorder(
    *,
    store: SpanStore | None = None,
    otlp: str | None = None,
    content: bool = True,
    service: str = "assay",
    report: Callable[[str], None] = log,
) -> Recorder:
    """A recorder that writes to ``store`` and, where an endpoint is given, to a collector.

    ``report`` is told once, for each of them, when spans are lost. Raises PluginError when an
    endpoint is given and the extra ``otlp`` is not installed.
    """
    processors = [to_store(store, report=report)] if store is not None else []
    if otlp is not None:
        processors.append(to_collector(otlp, report=report))
    return Recorder(processors, content=content, service=service)
