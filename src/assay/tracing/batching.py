"""Handing finished spans over in batches, from a thread of its own.

An answer never waits for this and is never broken by it: the queue is short, what does not
fit is counted, and failures are counted and reported once.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

_PATIENCE = 5.0
"""Seconds that closing waits for what is queued."""


def log(message: str) -> None:
    """Report by the logger ``assay.tracing``: on standard error where logging is not set up."""
    logging.getLogger("assay.tracing").warning(message)


class Batches(SpanProcessor):
    """Queues spans and gives them to an exporter, at most ``size`` at once, within ``delay`` seconds.

    A batch that fails is tried again, ``attempts`` times in all. ``lost`` counts spans that
    were given up or did not fit, ``failures`` failed attempts.
    """

    def __init__(
        self,
        exporter: SpanExporter,
        *,
        target: str,
        report: Callable[[str], None] = log,
        capacity: int = 4096,
        size: int = 512,
        delay: float = 0.2,
        attempts: int = 3,
    ) -> None:
        self._exporter, self._target, self._report = exporter, target, report
        self._capacity, self._size, self._delay, self._attempts = capacity, size, delay, attempts
        self._queue: deque[ReadableSpan] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy = False
        self._waiting = 0
        self._closed = False
        self._reported = False
        self.lost = 0
        self.failures = 0

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing: a span is handed over when it has ended."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a finished span; never blocks for longer than a lock is held."""
        with self._changed:
            if self._closed:
                self.lost += 1
                return
            if full := len(self._queue) >= self._capacity:
                self.lost += 1
            else:
                self._queue.append(span)
            if self._thread is None or not self._thread.is_alive():  # first use, or this is a forked process
                self._thread = threading.Thread(target=self._run, name=f"assay-{self._target}", daemon=True)
                self._thread.start()
            if len(self._queue) in (1, self._size):
                self._changed.notify_all()
        if full:
            self._tell("more spans came than it takes")

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until the queue is empty and the last batch is through."""
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(self._idle, timeout_millis / 1000)
            finally:
                self._waiting -= 1

    def shutdown(self) -> None:
        """Hand over what is queued, for some seconds at most, and release the exporter."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(self._idle, _PATIENCE)
            left = len(self._queue)
            self._queue.clear()
        self._exporter.shutdown()  # also ends a retry that is waiting
        if left:
            self._give_up(left, "closed before they could be handed over")

    def _idle(self) -> bool:
        return not self._queue and not self._busy

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            self._export(batch)
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _next(self) -> list[ReadableSpan] | None:
        """The next batch: when one is full, somebody waits, or the oldest span has waited long enough."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._queue) or self._closed)
            self._changed.wait_for(self._due, self._delay)
            batch = [self._queue.popleft() for _ in range(min(self._size, len(self._queue)))]
            self._busy = bool(batch)
            return batch or (None if self._closed else [])

    def _due(self) -> bool:
        return self._closed or self._waiting > 0 or len(self._queue) >= self._size

    def _export(self, batch: list[ReadableSpan]) -> None:
        reason = ""
        for attempt in range(1, self._attempts + 1) if batch else ():
            try:
                if self._exporter.export(batch) is SpanExportResult.SUCCESS:
                    return
                reason = "not accepted"
            except Exception as error:  # whatever a store or a collector does, the answer goes on
                reason = str(error) or type(error).__name__
            self.failures += 1
            if attempt < self._attempts:
                self._pause(self._delay * 2**attempt)
        if batch:
            self._give_up(len(batch), reason)

    def _pause(self, seconds: float) -> None:
        """Wait, but not once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)

    def _give_up(self, spans: int, reason: str) -> None:
        self.lost += spans
        self._tell(reason)

    def _tell(self, reason: str) -> None:
        if not self._reported:
            self._reported = True
            self._report(f"traces could not be written to {self._target}: {reason}; answers are not affected")
