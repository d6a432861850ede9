"""Finished spans to an OpenTelemetry collector, by OTLP over HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from assay.errors import PluginError
from assay.tracing.batching import Batches, log

_SIGNAL_PATH = "/v1/traces"
_TIMEOUT = 4.0
"""Seconds for one export with its retries: closing the application waits for no longer."""


def to_collector(endpoint: str, *, report: Callable[[str], None] = log) -> Batches:
    """A processor that exports in the background to ``endpoint``, a collector's base address.

    ``/v1/traces`` is added where the address has no path. Headers, such as keys, come from
    ``OTEL_EXPORTER_OTLP_HEADERS``. Raises PluginError when the extra ``otlp`` is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise PluginError(
            f"tracing.otlp needs the package {error.name or error!s}, which is not installed: pip install 'assay[otlp]'"
        ) from error
    # Failures are counted and reported by Batches; the exporter's own lines are for those who set up logging.
    logging.getLogger("opentelemetry.exporter.otlp").addHandler(logging.NullHandler())
    exporter = OTLPSpanExporter(endpoint=signal_url(endpoint), timeout=_TIMEOUT)
    return Batches(exporter, target=_shown(endpoint), report=report, attempts=1)


def signal_url(endpoint: str) -> str:
    """The address for traces of a collector's base address; one with a path of its own is kept."""
    parts = urlsplit(endpoint)
    return parts._replace(path=_SIGNAL_PATH).geturl() if parts.path in ("", "/") else endpoint


def _shown(endpoint: str) -> str:
    """Without a user's name and password."""
    parts = urlsplit(endpoint)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
