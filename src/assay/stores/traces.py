"""Traces, written span by span as they end and read as trees."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Double,
    Index,
    Row,
    String,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
)

from assay.errors import InputError, NotFound
from assay.sayable import sayable
from assay.stores.database import Database, by_prefix, insert_missing, schema
from assay.traces import ABSTAINED, COST, ERROR, QUESTION, RELEASE, SHADOW, Attribute, Span, Trace

_BATCH = 1_000

_SCHEMA = schema("traces", 1)
_SPANS = Table(
    "spans",
    _SCHEMA,
    Column("trace", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("parent", String),
    Column("name", Text, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("end", BigInteger, nullable=False),
    Column("attributes", Text, nullable=False),
    Column("error", Text),
)
_TRACES = Table(
    "traces",
    _SCHEMA,
    Column("id", String, primary_key=True),
    Column("started", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Column("release", String),
    Column("question", Text),
    Column("abstained", Text),
    Column("cost", Double),
    Column("error", Text),
    Index("traces_started", "started"),
    Index("traces_release", "release", "started"),
)


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """One line of a list of traces.

    ``started`` is in nanoseconds since the epoch. ``question`` is None where content was not
    recorded; ``abstained`` is the reason, None where there was an answer; ``cost`` in US dollars,
    None where it is unknown; ``error`` is None where all went well.
    """

    id: str
    started: int
    milliseconds: float
    release: str | None
    question: str | None
    abstained: str | None
    cost: float | None
    error: str | None


_Summaries: TypeAlias = list[TraceSummary]  # inside the class, list is the method


class TraceStore:
    """Spans by trace. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.ensure(_SCHEMA)

    def write(self, spans: Sequence[tuple[str, Span]]) -> None:
        """Keep spans, each with the id of its trace, in one transaction; a span known already stays.

        The spans of one trace may come in several calls and in any order.
        """
        if not spans:
            return
        with self._database.write() as connection:
            insert_missing(connection, _SPANS, [_span_row(trace, span) for trace, span in spans])
            traces = sorted({trace for trace, _ in spans})
            for at in range(0, len(traces), _BATCH):
                _summarise(connection, traces[at : at + _BATCH])

    def get(self, id: str) -> Trace:
        """The trace with this id, or with the only id that begins so.

        Raises NotFound when there is none, InputError when there are several.
        """
        wanted = (_clean(id) or "").strip().lower()
        with self._database.read() as connection:
            found = (
                connection.execute(
                    select(_TRACES.c.id).where(by_prefix(_TRACES.c.id, wanted)).order_by(_TRACES.c.id).limit(2)
                )
                .scalars()
                .all()
            )
            if not wanted or not found:
                raise NotFound(f"no trace begins with {id!r}; see `assay trace list`")
            if len(found) > 1 and found[0] != wanted:
                raise InputError(f"{id!r} names several traces, {found[0]} and {found[1]} among them; give more digits")
            rows = connection.execute(select(_SPANS).where(_SPANS.c.trace == found[0])).all()
        return Trace(found[0], _ordered([_span(row) for row in rows]))

    def list(
        self,
        limit: int,
        *,
        release: str | None = None,
        since: int | None = None,
        failed: bool | None = None,
        abstained: bool | None = None,
        copies: bool | None = False,
    ) -> _Summaries:
        """At most ``limit`` traces, newest first.

        ``release`` is a digest or the beginning of one, ``since`` nanoseconds since the epoch;
        ``failed`` True keeps those that ended in an error, False the others; ``abstained`` likewise, and
        ``copies`` those of questions that were asked again unseen, which are no traffic.
        """
        query = select(_TRACES).order_by(_TRACES.c.started.desc(), _TRACES.c.id).limit(max(limit, 0))
        if release is not None:
            query = query.where(by_prefix(_TRACES.c.release, (_clean(release) or "").lower()))
        if since is not None:
            query = query.where(_TRACES.c.started >= since)
        if failed is not None:
            query = query.where(_TRACES.c.error.is_not(None) if failed else _TRACES.c.error.is_(None))
        if abstained is not None:
            query = query.where(_TRACES.c.abstained.is_not(None) if abstained else _TRACES.c.abstained.is_(None))
        if copies is not None:
            # As _span_row writes it; within a text the quotation marks would be escaped.
            marked = _SPANS.c.attributes.contains(f'"{SHADOW}":true', autoescape=True)
            found = (
                select(_SPANS.c.id).where(_SPANS.c.trace == _TRACES.c.id, _SPANS.c.parent.is_(None), marked).exists()
            )
            query = query.where(found if copies else ~found)
        with self._database.read() as connection:
            return [_summary(row) for row in connection.execute(query)]


def _summarise(connection: Connection, traces: Sequence[str]) -> None:
    """Recompute the lines of these traces from all their spans: the root may come last."""
    spans: dict[str, list[Span]] = {}
    for row in connection.execute(select(_SPANS).where(_SPANS.c.trace.in_(traces))):
        spans.setdefault(row.trace, []).append(_span(row))
    connection.execute(delete(_TRACES).where(_TRACES.c.id == bindparam("old")), [{"old": t} for t in traces])
    connection.execute(insert(_TRACES), [_summary_row(trace, found) for trace, found in spans.items()])


def _summary_row(trace: str, found: Sequence[Span]) -> dict[str, Any]:
    spans = _ordered(found)
    root = spans[0]
    abstained = root.attributes.get(ABSTAINED)
    return {
        "id": trace,
        "started": root.start,
        "ended": max(span.end for span in spans),
        "release": _text(root.attributes.get(RELEASE)),
        "question": _text(root.attributes.get(QUESTION)),
        "abstained": _text(abstained) or ("abstained" if abstained is True else None),
        "cost": _cost(spans),
        "error": _clean(root.error) or _text(root.attributes.get(ERROR)),
    }


def _cost(spans: Sequence[Span]) -> float | None:
    """The root's own figure; without one, what its steps cost together."""
    figures = [
        float(cost)
        for span in spans
        if isinstance(cost := span.attributes.get(COST), int | float) and not isinstance(cost, bool)
    ]
    if COST in spans[0].attributes and figures:
        return figures[0]
    return sum(figures) if figures else None


def _ordered(spans: Iterable[Span]) -> tuple[Span, ...]:
    """By start, a parent before its child; the root is the first span whose parent is not in the trace."""
    known = list(spans)
    ids = {span.id for span in known}
    roots = [span for span in known if span.parent not in ids]
    root = min(roots or known, key=lambda span: (span.start, span.id))
    return tuple(sorted(known, key=lambda span: (span is not root, span.start, -span.end, span.id)))


def _span_row(trace: str, span: Span) -> dict[str, Any]:
    return {
        "trace": trace,
        "id": span.id,
        "parent": span.parent,
        "name": _clean(span.name),
        "start": span.start,
        "end": span.end,
        "attributes": json.dumps(dict(span.attributes), separators=(",", ":"), default=list),
        "error": _clean(span.error),
    }


def _span(row: Row[Any]) -> Span:
    return Span(row.id, row.parent, row.name, row.start, row.end, _attributes(json.loads(row.attributes)), row.error)


def _attributes(found: Mapping[str, Any]) -> dict[str, Attribute]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in found.items()}


def _summary(row: Row[Any]) -> TraceSummary:
    return TraceSummary(
        id=row.id,
        started=row.started,
        milliseconds=(row.ended - row.started) / 1e6,
        release=row.release,
        question=row.question,
        abstained=row.abstained,
        cost=row.cost,
        error=row.error,
    )


def _text(value: object) -> str | None:
    return _clean(value) if isinstance(value, str) else None


def _clean(text: str | None) -> str | None:
    """What a text column of both databases takes: no lone surrogates, no NUL."""
    return None if text is None else sayable(text).replace("\0", "\ufffd")
