"""Cases from what users asked: recorded answers, without the questions that a dataset has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.errors import InputError, NotFound
from assay.evaluation.cases import Case
from assay.evaluation.datasets.from_trace import case_from_trace

if TYPE_CHECKING:
    from assay.stores.traces import TraceStore, TraceSummary

_LOOKED_AT = 100_000


@dataclass(frozen=True, slots=True)
class Gathered:
    """New cases, newest first, and how many traces gave none: asked before, or without their question."""

    cases: tuple[Case, ...]
    repeated: int
    unrecorded: int


def gather(
    traces: TraceStore,
    known: Sequence[Case],
    *,
    limit: int,
    release: str | None = None,
    since: int | None = None,
    abstained: bool = False,
    failed: bool = False,
) -> Gathered:
    """At most ``limit`` cases of the newest traces whose questions are not in ``known``, nor in a newer trace.

    ``release`` is a digest or its beginning, ``since`` nanoseconds since the epoch. ``abstained`` and
    ``failed`` keep only those that ended so; with both, those that ended in either way. Follow-ups count as
    the same question only with the same turn before them. Raises InputError where no question was
    recorded at all, NotFound where no trace is of this kind, StoreError.
    """
    found = _chosen(traces, release=release, since=since, abstained=abstained, failed=failed)
    if not found:
        raise NotFound("no trace is of this kind; `assay trace list` shows what is recorded")
    seen = {_asked(case) for case in known}
    ids = {case.id for case in known}
    cases: list[Case] = []
    repeated = unrecorded = 0
    for summary in found:
        if len(cases) == limit:
            break
        if not (summary.question or "").strip():
            unrecorded += 1
            continue
        try:
            case = case_from_trace(traces.get(summary.id))
        except InputError:
            unrecorded += 1
            continue
        if _asked(case) in seen or case.id in ids:
            repeated += 1
            continue
        seen.add(_asked(case))
        cases.append(case)
    if not cases and unrecorded == len(found):
        raise InputError(
            f"none of the {unrecorded} traces holds its question: content was not recorded. "
            "Set content = true under [tracing], and take the questions that are asked from then on"
        )
    return Gathered(tuple(cases), repeated, unrecorded)


def _chosen(
    traces: TraceStore, *, release: str | None, since: int | None, abstained: bool, failed: bool
) -> list[TraceSummary]:
    def listed(*, failed: bool | None = None, abstained: bool | None = None) -> list[TraceSummary]:
        return traces.list(_LOOKED_AT, release=release, since=since, failed=failed, abstained=abstained)

    if not abstained and not failed:
        return listed()
    both = [*(listed(abstained=True) if abstained else []), *(listed(failed=True) if failed else [])]
    return sorted({each.id: each for each in both}.values(), key=lambda each: (-each.started, each.id))


def _asked(case: Case) -> tuple[str, ...]:
    return tuple(" ".join(text.casefold().split()) for text in (*(turn.text for turn in case.history), case.question))
