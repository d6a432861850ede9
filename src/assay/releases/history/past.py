"""Recorded answers, as far as they tell which change of a release could have altered them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay import traces
from assay.answering import spans
from assay.ingestion.ledger import Ledger
from assay.stores.database import Database
from assay.stores.traces import TraceStore
from assay.traces import Trace

_OVER = frozenset({"budget", "cut"})


@dataclass(frozen=True, slots=True)
class Past:
    """One recorded answer. What a trace does not tell, since it was recorded without content, is None.

    ``judged`` says that the gate looked at it, with ``confidence``; ``settled`` that no threshold would have let it
    through. ``attempts`` counts the models of the route that were tried, in its order; ``failed`` says that none
    of them ended well. ``tokens`` and ``passages`` are of the evidence; ``over`` says that some did not fit,
    ``joined`` how many chunks were joined to others. ``candidates`` are the documents that the search looked at.
    """

    started: int
    searched: bool = True
    groups: frozenset[str] | None = None
    filtered: bool | None = None
    candidates: frozenset[str] | None = None
    tokens: int | None = None
    joined: int | None = None
    over: bool | None = None
    judged: bool = True
    confidence: float | None = None
    settled: bool = False
    attempts: int = 1
    failed: bool = False
    unsupported: bool | None = None


def recorded(store: TraceStore, release: str, limit: int) -> list[Past]:
    """The last answers of a release that are recorded, newest first, at most ``limit``. Raises StoreError."""
    return [past(store.get(summary.id)) for summary in store.list(limit, release=release)]


def past(trace: Trace) -> Past:
    """What one trace tells."""
    root = spans.answered(trace)
    gate, context = spans.last_span(trace, spans.GATE), spans.last_span(trace, spans.ASSEMBLE)
    written = [span for span in trace.spans if span.attributes.get(traces.STAGE) == spans.GENERATE]
    groups = root.attributes.get(spans.GROUPS)
    filtered = spans.WHERE in root.attributes or None
    candidates, passages = spans.read_candidates(trace), spans.read_passages(trace)
    dropped = None if context is None or spans.DROPPED not in context.attributes else spans.read_dropped(trace)
    checked = any(spans.CHECKS in span.attributes for span in written)
    confidence = gate.attributes.get(traces.CONFIDENCE) if gate else None
    tokens = context.attributes.get(spans.CONTEXT_TOKENS) if context else None
    abstained = root.attributes.get(traces.ABSTAINED)
    return Past(
        started=trace.root.start,
        searched=spans.last_span(trace, spans.RETRIEVE) is not None,
        groups=frozenset(map(str, groups)) if isinstance(groups, Sequence) and not isinstance(groups, str) else None,
        filtered=bool(spans.read_scope(trace)[1]) if filtered else None,
        candidates=None if candidates is None else frozenset(each.document for each in candidates),
        tokens=tokens if isinstance(tokens, int) else None,
        joined=None if passages is None else sum(len(each.chunks) - 1 for each in passages),
        over=None if dropped is None else any(each.cause in _OVER for each in dropped),
        judged=gate is not None,
        confidence=float(confidence) if isinstance(confidence, int | float) else None,
        settled=abstained == "underspecified" or passages == [],
        attempts=len(written),
        failed=bool(written) and all(span.error is not None for span in written),
        unsupported=any(check.outcome == "unsupported" for check in spans.read_checks(trace)) if checked else None,
    )


def documents(opened: Database) -> dict[str, frozenset[str]]:
    """The documents of each source, as the index that is asked holds them. Raises StoreError."""
    ledger = Ledger(opened)
    active = ledger.active()
    found: dict[str, set[str]] = {}
    for state in ledger.states(active.id).values() if active else ():
        found.setdefault(state.source, set()).add(state.document)
    return {source: frozenset(each) for source, each in found.items()}
