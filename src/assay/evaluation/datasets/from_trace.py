"""Live traces as samples and as cases: what was asked and answered, scored like a measurement.

The attributes read here are those of ``assay.traces``, wherever in the tree they stand. With content
recording off, times, tokens, costs and reasons of abstaining are all that is left.
"""

from __future__ import annotations

import json
from typing import Any

from assay import traces
from assay.documents import PUBLIC, Citation
from assay.errors import InputError
from assay.evaluation.cases import Case
from assay.evaluation.samples import Answered, Failed, Outcome, Passage, Sample
from assay.messages import Turn
from assay.models.chat import Usage
from assay.traces import Span, Trace

GROUPS = "assay.access.groups"
"""The reader's groups, on the span of the answer, as ``answering`` writes them."""
SOURCE = "trace"
"""``provenance["source"]`` of a case that was found in a trace."""


def sample_from_trace(trace: Trace) -> Sample:
    """What came of a question that a user asked, as a scorer takes it.

    Where content was not recorded, ``retrieved`` and ``passages`` are None, question and answer are empty,
    and the case's provenance says ``"content": False``. An answer that was cut off is Failed of kind
    ``Unfinished``. Raises InputError for a trace that is not of an answer.
    """
    root = _answer(trace)
    case = _case(trace, root)
    return Sample(case, _outcome(trace, root))


def case_from_trace(trace: Trace) -> Case:
    """The question of a trace as a new case. Nothing is said of the right answer: people add that.

    Its id begins with ``trace-``; its access are the groups of who asked. Of earlier turns a trace holds at
    most the user's last one, where the question leant on it. Raises InputError where the question was not
    recorded, and for a trace that is not of an answer.
    """
    case = _case(trace, _answer(trace))
    if not case.question.strip():
        raise InputError(
            f"trace {trace.id} does not hold its question: it was empty, was never finished, "
            "or content was not recorded ([tracing] content = true records it)"
        )
    return case


def content_recorded(trace: Trace) -> bool:
    """Whether the question of the trace was kept."""
    return isinstance(_answer(trace).attributes.get(traces.QUESTION), str)


def _answer(trace: Trace) -> Span:
    """The span of the whole answer: the one that names the release. A server may have one around it."""
    named = [span for span in trace.spans if traces.RELEASE in span.attributes]
    if named:
        return named[-1]
    if not any(traces.STAGE in span.attributes for span in trace.spans):
        raise InputError(f"trace {trace.id} is not of an answer; `assay trace show {trace.id[:12]}` prints it")
    return trace.root


def _case(trace: Trace, root: Span) -> Case:
    question = _text(root, traces.QUESTION)
    provenance: dict[str, Any] = {"source": SOURCE, "trace": trace.id, "release": _text(root, traces.RELEASE)}
    if question is None:
        provenance["content"] = False
    groups = root.attributes.get(GROUPS)
    access = (
        None
        if groups is None or isinstance(groups, str | bool | int | float)
        else tuple(sorted(str(group) for group in groups if group != PUBLIC)) or None
    )
    return Case(
        id=f"trace-{trace.id}",
        question=question or "",
        history=_history(trace, question or ""),
        access=access,
        provenance={key: value for key, value in provenance.items() if value is not None},
    )


def _history(trace: Trace, question: str) -> tuple[Turn, ...]:
    """The user's last turn, which the search put before a question that leant on it."""
    asked = [text for span in trace.spans if traces.HITS in span.attributes if (text := _text(span, traces.QUESTION))]
    before, gap, rest = asked[-1].rpartition(f"\n{question.strip()}") if asked and question.strip() else ("", "", "")
    return (Turn("user", before),) if gap and not rest and before.strip() else ()


def _outcome(trace: Trace, root: Span) -> Outcome:
    # What is told last; the spans of an answer that is still made, or was killed, lack it. With it the answer is
    # whole, also where its reader went away before the stream was closed.
    ended = traces.RELEASE in root.attributes and traces.CONFIDENCE in root.attributes
    if not ended and (root.error or traces.ERROR in root.attributes):
        kind, _, message = (root.error or "").partition(": ")
        return Failed(_text(root, traces.ERROR) or kind or "Error", message or kind, trace.id, root.milliseconds)
    if not ended:
        return Failed("Unfinished", "the answer was never finished, or is still being made", trace.id)
    abstained = root.attributes.get(traces.ABSTAINED)
    return Answered(
        text=_text(root, traces.ANSWER) or "",
        retrieved=_retrieved(trace),
        passages=_passages(trace),
        citations=tuple(Citation(**row) for row in _rows(root, traces.CITATIONS) or ()),
        abstained=abstained if isinstance(abstained, str) else None,
        confidence=_number(root, traces.CONFIDENCE),
        model=_text(root, traces.RESPONSE_MODEL) or "",
        milliseconds=root.milliseconds,
        first_token_milliseconds=_number(root, traces.FIRST_SENTENCE),
        cost=_number(root, traces.COST),
        usage=Usage(
            input=int(_number(root, traces.INPUT_TOKENS) or 0),
            output=int(_number(root, traces.OUTPUT_TOKENS) or 0),
            cached=int(_number(_last(trace, traces.CACHED_TOKENS), traces.CACHED_TOKENS) or 0),
        ),
        trace=trace.id,
    )


def _retrieved(trace: Trace) -> tuple[str, ...] | None:
    rows = _rows(_last(trace, traces.HITS), traces.HITS)
    return None if rows is None else tuple(dict.fromkeys(row["document"] for row in rows if row["kept"]))


def _passages(trace: Trace) -> tuple[Passage, ...] | None:
    rows = _rows(_last(trace, traces.CONTEXT), traces.CONTEXT)
    if rows is None:
        return None
    return tuple(Passage(row["document"], row["start"], row["end"], row["text"], row["title"]) for row in rows)


def _last(trace: Trace, key: str) -> Span | None:
    """The last span that has an attribute: of several attempts the one that counts."""
    return next((span for span in reversed(trace.spans) if key in span.attributes), None)


def _rows(span: Span | None, key: str) -> list[dict[str, Any]] | None:
    value = span.attributes.get(key) if span else None
    rows: list[dict[str, Any]] | None = json.loads(value) if isinstance(value, str) else None
    return rows


def _text(span: Span, key: str) -> str | None:
    value = span.attributes.get(key)
    return value if isinstance(value, str) else None


def _number(span: Span | None, key: str) -> float | None:
    value = span.attributes.get(key) if span else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
