"""What live's recorded answers of the last days were like: what a plan and a forecast are made from."""

from __future__ import annotations

from dataclasses import dataclass

from assay.rollouts.traffic.plan import Guard
from assay.stores.traces import TraceStore, TraceSummary
from assay.traces import FIRST_SENTENCE

DAYS = 7.0
LATEST = 2_000
"""Answers that are looked at, the latest ones."""
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Past:
    """One recorded answer. ``at`` is in seconds since the epoch; ``first_token`` in milliseconds and ``cost`` in US
    dollars are None where they are not known."""

    at: float
    milliseconds: float
    abstained: bool
    failed: bool
    cost: float | None = None
    first_token: float | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Answers, oldest first, of the time from ``since`` to ``until`` (seconds since the epoch)."""

    answers: tuple[Past, ...] = ()
    since: float = 0.0
    until: float = 0.0

    @property
    def hours(self) -> float:
        return (self.until - self.since) / 3_600

    def values(self, guard: Guard) -> list[float]:
        """What a guard would have counted, answer by answer; empty for what only scorers and users tell."""
        return self.of(guard.metric)

    def of(self, metric: str) -> list[float]:
        """The values of a metric, as ``Observation`` has them: latency only of answers that did not fail."""
        match metric:
            case "errors":
                return [float(each.failed) for each in self.answers]
            case "abstention":
                return [float(each.abstained) for each in self.answers if not each.failed]
            case "latency":
                return [each.milliseconds for each in self.answers if not each.failed]
            case "first_token":
                return [each.first_token for each in self.answers if each.first_token is not None]
            case "cost":
                return [each.cost for each in self.answers if each.cost is not None]
            case _:
                return []


def history(
    traces: TraceStore,
    release: str,
    *,
    until: float,
    days: float = DAYS,
    limit: int = LATEST,
    first_tokens: bool = False,
) -> History:
    """The latest answers of a release, at most ``limit`` of the last ``days``. Where there were more, the time begins
    with the first of those taken, so that rates are right. ``first_tokens`` reads each trace whole.

    Raises StoreError.
    """
    earliest = until - days * _DAY
    found = traces.list(limit, release=release, since=int(earliest * 1e9))
    rows = [_past(traces, summary, first_tokens=first_tokens) for summary in reversed(found)]
    rows = [row for row in rows if row.at <= until]
    if not rows:
        return History((), earliest, until)
    # A release that is live since yesterday was not without traffic the week before: it was not there.
    return History(tuple(rows), rows[0].at, until)


def _past(traces: TraceStore, summary: TraceSummary, *, first_tokens: bool) -> Past:
    first = None
    if first_tokens and summary.error is None:
        value = traces.get(summary.id).root.attributes.get(FIRST_SENTENCE)
        first = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    return Past(
        summary.started / 1e9,
        summary.milliseconds,
        summary.abstained is not None,
        summary.error is not None,
        summary.cost,
        first,
    )
