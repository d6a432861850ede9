"""Which stage lost a document that should have been cited.

Read from the trace of the answer and from what is ingested now; the first stage that the
document did not pass is the one that lost it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal, Protocol, TypeAlias, get_args

from assay import traces
from assay.answering import spans
from assay.answering.spans import Check, Ranked, Shown
from assay.documents import PUBLIC, Scalar
from assay.errors import InputError
from assay.traces import Trace

Stage: TypeAlias = Literal[
    "parse",
    "chunk",
    "access",
    "recall",
    "fusion",
    "rerank",
    "context budget",
    "generation",
    "citation check",
    "none",
]
ORDER: tuple[Stage, ...] = get_args(Stage)
"""The stages in the order in which a document passes them."""


@dataclass(frozen=True, slots=True)
class Known:
    """A document that was ingested; ``chunks`` maps the ids of its chunks in the index to their readers."""

    chunks: Mapping[str, tuple[str, ...]]
    metadata: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A document that a source holds and that could not be ingested."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A document that no source holds."""


class Corpus(Protocol):
    """What is known of documents, by ledger and index."""

    def lookup(self, document: str) -> Known | Unreadable | Unknown: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """The stage that lost a document, and how, in one sentence. ``none``: it was cited."""

    document: str
    stage: Stage
    sentence: str


@dataclass(frozen=True, slots=True)
class Attribution:
    """The stage to mend first: the earliest that lost a relevant document; and each document's own."""

    stage: Stage
    sentence: str
    findings: tuple[Finding, ...]

    def as_dict(self) -> dict[str, object]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Facts:
    """The trace, read once."""

    trace: Trace
    candidates: Sequence[Ranked] | None
    passages: Sequence[Shown] | None
    checks: Sequence[Check]
    cited: set[str]


def attribute(trace: Trace, relevant: Sequence[str], corpus: Corpus) -> Attribution:
    """Attribute a wrong or empty answer, given the ids of the documents that hold the right one.

    Raises InputError if no document is named, or if the trace was recorded without content.
    """
    if not relevant:
        raise InputError("name at least one relevant document")
    facts = _Facts(
        trace,
        spans.read_candidates(trace),
        spans.read_passages(trace),
        spans.read_checks(trace),
        spans.read_cited(trace),
    )
    searched = spans.last_span(trace, spans.RETRIEVE)
    if searched and not searched.error and facts.candidates is None:
        raise InputError("this trace holds no hits: content recording was off when it was made")
    findings = tuple(_finding(document, facts, corpus) for document in dict.fromkeys(relevant))
    first = min(findings, key=lambda finding: ORDER.index(finding.stage))
    return Attribution(first.stage, first.sentence, findings)


def _finding(document: str, facts: _Facts, corpus: Corpus) -> Finding:
    if document in facts.cited:
        return Finding(document, "none", "the answer cites it; if it is wrong still, the fault is in what was written")
    loss = (
        _ingested(document, facts, corpus)
        or _retrieved(document, facts)
        or _assembled(document, facts)
        or _generated(document, facts)
    )
    if loss:
        return Finding(document, *loss)
    return Finding(document, "generation", "it was in the context and no sentence of the answer rests on it")


_Loss: TypeAlias = tuple[Stage, str] | None


def _ingested(document: str, facts: _Facts, corpus: Corpus) -> _Loss:
    match corpus.lookup(document):
        case Unknown():
            return "parse", "no source holds it: it was never ingested, or has been deleted"
        case Unreadable(reason=reason):
            return "parse", f"it could not be read: {reason}"
        case Known(chunks=chunks, metadata=metadata):
            if not chunks:
                return "chunk", "it was read but left no chunk in the index"
            groups, where = spans.read_scope(facts.trace)
            if not any(groups & set(readers) for readers in chunks.values()):
                asked_as = ", ".join(sorted(groups - {PUBLIC})) or PUBLIC
                return "access", f"none of its {_n(chunks, 'chunk')} may be read as {asked_as}"
            for key, value in where.items():
                if metadata.get(key) != value:
                    return "access", f"the filter {key} = {value!r} leaves it out; it has {metadata.get(key)!r}"
    return None


def _retrieved(document: str, facts: _Facts) -> _Loss:
    failed = spans.last_span(facts.trace, spans.RETRIEVE)
    if failed and failed.error:
        return "recall", f"the search failed: {failed.error}"
    if failed is None:
        return "generation", f"nothing was searched for: {_why_abstained(facts.trace)}"
    candidates = facts.candidates or ()
    of = [candidate for candidate in candidates if candidate.document == document]
    if not of:
        return "recall", f"none of its chunks was among the {_n(candidates, 'candidate')}"
    if any(candidate.kept for candidate in of):
        return None
    return _cut(of, candidates)


def _cut(of: Sequence[Ranked], candidates: Sequence[Ranked]) -> tuple[Stage, str]:
    """The stage that ranked the document's best chunk below those that were kept."""
    keep = sum(candidate.kept for candidate in candidates)
    last = "reranked" if any("reranked" in c.ranks for c in candidates) else "fused"
    if not any("fused" in c.ranks for c in candidates) and last == "fused":
        last = next(iter(of[0].ranks), "dense")
    best = min(of, key=lambda candidate: candidate.ranks.get(last, len(candidates) + 1))
    ranks, total = best.ranks, len(candidates)
    rank = ranks.get(last)
    end = f"rank {rank} of {total} and cut by keep = {keep}" if rank else f"not kept (keep = {keep})"
    first = min((rank for name, rank in ranks.items() if name in ("dense", "lexical")), default=total + 1)
    fused = ranks.get("fused", first)
    if last == "reranked" and fused <= keep:
        return "rerank", f"the gold chunk was rank {fused} before reranking, then {end}"
    if "fused" in ranks and first <= keep:
        side = min((name for name in ("dense", "lexical") if name in ranks), key=lambda name: ranks[name])
        return "fusion", f"the gold chunk was rank {first} in the {side} search, then fused to {end}"
    return "recall", f"the gold chunk was {end}"


def _assembled(document: str, facts: _Facts) -> _Loss:
    span = spans.last_span(facts.trace, spans.ASSEMBLE)
    if span and span.error:
        return "context budget", f"the context could not be assembled: {span.error}"
    if any(passage.document == document for passage in facts.passages or ()):
        return None
    dropped = [drop for drop in spans.read_dropped(facts.trace) if drop.document == document]
    repeated = [drop for drop in dropped if drop.cause not in ("budget", "cut")]
    if repeated:
        # Its text was told by another document's chunk; what happened to that is not its loss.
        return "context budget", f"it repeats another hit and was told once: {repeated[0].detail}"
    reason = dropped[0].detail if dropped else "it was kept by the search and is not in the context"
    return "context budget", f"the gold chunk was cut by the budget: {reason}"


def _generated(document: str, facts: _Facts) -> _Loss:
    numbers = {passage.number for passage in facts.passages or () if passage.document == document}
    span = spans.last_span(facts.trace, spans.GENERATE)
    if span is None:
        return "generation", f"its passage was at hand and nothing was written: {_why_abstained(facts.trace)}"
    if span.error:
        return "generation", f"the model failed: {span.error}"
    for check in facts.checks:
        if check.outcome == "unsupported" and numbers & set(check.named):
            score = f" (support {check.score:.2f})" if check.score is not None else ""
            return "citation check", f"a sentence that named it did not hold{score}: {check.text!r}"
    if any(check.outcome == "refusal" for check in facts.checks):
        return "generation", "its passage was in the prompt and the model declined to answer"
    return None


def _why_abstained(trace: Trace) -> str:
    span = spans.answered(trace)
    reason, confidence = span.attributes.get(traces.ABSTAINED), span.attributes.get(traces.CONFIDENCE)
    if reason is None:
        return span.error or "the answer ended early"
    likely = f", confidence {confidence:.2f}" if isinstance(confidence, float) else ""
    return f"the answer abstained ({reason}{likely})"


def _n(things: Sequence[object] | Mapping[str, object], noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"
