"""What the spans of an answer hold: written while it is made, read when a miss is traced.

Structured values are JSON text, since a span's attributes are scalars and flat lists. The
same functions that write them read them, so that the two cannot part.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from assay import traces
from assay.answering.context import Context, Dropped
from assay.documents import Citation, Scalar
from assay.messages import Message, System
from assay.retrieval.found import Found
from assay.traces import Attribute, Span, Trace

ROOT = "answer"
RETRIEVE, ASSEMBLE, GATE, GENERATE = "retrieve", "context", "gate", "generate"

GROUPS = "assay.access.groups"
WHERE = "assay.search.where"
MODE = "assay.search.mode"
DROPPED = "assay.context.dropped"
CONTEXT_TOKENS = "assay.context.tokens"
CHECKS = "assay.checks"
THRESHOLD = "assay.abstained.threshold"

Outcome: TypeAlias = Literal["supported", "unsupported", "refusal", "framing", "repeated", "cut"]


@dataclass(frozen=True, slots=True)
class Check:
    """What became of one sentence of a draft: ``named`` are the passages its markers name,
    ``cited`` those that support it. ``score`` is the best support found for it."""

    text: str
    outcome: Outcome
    shown: bool
    named: tuple[int, ...] = ()
    cited: tuple[int, ...] = ()
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate as the trace holds it."""

    chunk: str
    document: str
    score: float
    kept: bool
    ranks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shown:
    """A passage as the trace holds it."""

    number: int
    document: str
    chunks: tuple[str, ...]
    start: int
    end: int


def found_attributes(found: Found) -> dict[str, Attribute]:
    """Every candidate with the ranks of each stage, and the index that gave them."""
    kept = {hit.chunk.id for hit in found.hits}
    rows = [
        asdict(Ranked(c.chunk.id, c.chunk.document, c.score, c.chunk.id in kept, dict(c.ranks)))
        for c in (*found.hits, *(c for c in found.candidates if c.chunk.id not in kept))
    ]
    return {
        traces.HITS: _json(rows),
        traces.INDEX_GENERATION: found.generation,
        traces.DATA_SOURCE: found.index,
        MODE: found.mode,
    }


def context_attributes(context: Context) -> dict[str, Attribute]:
    """The passages with their texts, and what was dropped."""
    rows = [
        {**asdict(Shown(p.number, p.document, p.chunks, p.start, p.end)), "title": p.label, "text": p.text}
        for p in context.passages
    ]
    return {
        traces.CONTEXT: _json(rows),
        DROPPED: _json([asdict(dropped) for dropped in context.dropped]),
        CONTEXT_TOKENS: context.tokens,
    }


def scope_attributes(groups: frozenset[str], where: Mapping[str, Scalar]) -> dict[str, Attribute]:
    """Who asked, and of which documents."""
    return {GROUPS: sorted(groups), WHERE: _json(dict(where))}


def message_attributes(messages: Sequence[Message]) -> dict[str, Attribute]:
    """A prompt in OpenTelemetry's form: instructions apart, each message with its parts."""
    system = [_part(m.text) for m in messages if isinstance(m, System)]
    rows = [{"role": type(m).__name__.lower(), "parts": [_part(m.text)]} for m in messages if not isinstance(m, System)]
    return {traces.SYSTEM_INSTRUCTIONS: _json(system), traces.INPUT_MESSAGES: _json(rows)}


def draft_attributes(text: str, reason: str) -> dict[str, Attribute]:
    """What the model wrote, unchecked."""
    message = {"role": "assistant", "parts": [_part(text)], "finish_reason": reason}
    return {traces.OUTPUT_MESSAGES: _json([message]), traces.FINISH_REASONS: [reason]}


def check_attributes(checks: Sequence[Check]) -> dict[str, Attribute]:
    """What became of each sentence."""
    return {CHECKS: _json([asdict(check) for check in checks])}


def citation_attributes(citations: Sequence[Citation]) -> dict[str, Attribute]:
    """The citations shown."""
    return {traces.CITATIONS: _json([asdict(citation) for citation in citations])}


def read_candidates(trace: Trace) -> list[Ranked] | None:
    """The candidates of a search, None if the trace does not hold them."""
    rows = _rows(trace, RETRIEVE, traces.HITS)
    return None if rows is None else [Ranked(**row) for row in rows]


def read_passages(trace: Trace) -> list[Shown] | None:
    """The passages that were given to the writer, None if the trace does not hold them."""
    rows = _rows(trace, ASSEMBLE, traces.CONTEXT)
    if rows is None:
        return None
    return [Shown(r["number"], r["document"], tuple(r["chunks"]), r["start"], r["end"]) for r in rows]


def read_dropped(trace: Trace) -> list[Dropped]:
    """The hits that the context left out."""
    return [Dropped(**row) for row in _rows(trace, ASSEMBLE, DROPPED) or []]


def read_checks(trace: Trace) -> list[Check]:
    """The sentences of the draft that was shown, or of the last one tried."""
    return [
        Check(**{**row, "named": tuple(row["named"]), "cited": tuple(row["cited"])})
        for row in _rows(trace, GENERATE, CHECKS) or []
    ]


def read_cited(trace: Trace) -> set[str]:
    """The documents that the answer cites."""
    value = answered(trace).attributes.get(traces.CITATIONS)
    return {row["document"] for row in json.loads(value)} if isinstance(value, str) else set()


def read_scope(trace: Trace) -> tuple[frozenset[str], dict[str, Scalar]]:
    """Who asked, and the filter."""
    attributes = answered(trace).attributes
    groups, where = attributes.get(GROUPS, ()), attributes.get(WHERE)
    named = frozenset(map(str, groups)) if isinstance(groups, Sequence) else frozenset[str]()
    return named, json.loads(where) if isinstance(where, str) else {}


def answered(trace: Trace) -> Span:
    """The span of the whole answer; a server may have one around it."""
    return last_span(trace, ROOT) or trace.root


def last_span(trace: Trace, stage: str) -> Span | None:
    """The last span of a stage: of several attempts the one that counts."""
    return next((s for s in reversed(trace.spans) if s.attributes.get(traces.STAGE) == stage), None)


def _rows(trace: Trace, stage: str, key: str) -> list[dict[str, Any]] | None:
    span = last_span(trace, stage)
    value = span.attributes.get(key) if span else None
    rows: list[dict[str, Any]] | None = json.loads(value) if isinstance(value, str) else None
    return rows


def _part(text: str) -> dict[str, str]:
    return {"type": "text", "content": text}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
