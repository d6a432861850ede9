"""A trace as a tree: names, durations, shares of the whole, and what matters of the attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assay.traces import CONTENT, ERROR, RELEASE, Span, Trace

_WIDEST = 48


@dataclass(frozen=True, slots=True)
class Branch:
    """A span in its place. ``share`` is of the whole trace's duration, from 0 to 1; ``last`` tells of
    the span and of each of its ancestors below the root whether it is the last child."""

    span: Span
    depth: int
    share: float
    last: tuple[bool, ...]


def branches(trace: Trace) -> list[Branch]:
    """Every span of a trace, depth first, siblings in order of their start.

    A span whose parent is not in the trace is a root: the caller's, in a distributed trace.
    """
    known = {span.id for span in trace.spans}
    children: dict[str | None, list[Span]] = {}
    for span in trace.spans:
        parent = span.parent if span.parent in known and span.parent != span.id else None
        children.setdefault(parent, []).append(span)
    for found in children.values():
        found.sort(key=lambda span: (span is not trace.root, span.start, span.id))
    whole = duration(trace)
    return [
        Branch(span, len(last), span.milliseconds / whole if whole else 0.0, last) for span, last in _walk(children)
    ]


def duration(trace: Trace) -> float:
    """Milliseconds from the first start to the last end."""
    return (max(span.end for span in trace.spans) - min(span.start for span in trace.spans)) / 1e6


def lines(trace: Trace) -> list[str]:
    """The tree as lines of text, the first naming trace and release."""
    release = f"  release {trace.release[:12]}" if trace.release else ""
    rows = [(_label(branch), branch) for branch in branches(trace)]
    width = max(len(label) for label, _ in rows)
    return [f"trace {trace.id}{release}", *(f"{label:<{width}}{_figures(branch)}" for label, branch in rows)]


def timings(trace: Trace) -> str:
    """Where the time went, on one line: the steps below the root with their durations and shares."""
    steps = [branch for branch in branches(trace) if branch.depth == 1]
    return " · ".join(f"{b.span.name} {b.span.milliseconds:,.0f} ms ({b.share:.0%})" for b in steps)


def as_dict(trace: Trace) -> dict[str, Any]:
    """For ``assay trace show --json``: the spans depth first, each with its parent and depth.

    ``start`` is in milliseconds after the start of the first span.
    """
    first = min(span.start for span in trace.spans)
    return {
        "trace": trace.id,
        "release": trace.release,
        "milliseconds": duration(trace),
        "spans": [
            {
                "id": branch.span.id,
                "parent": branch.span.parent,
                "depth": branch.depth,
                "name": branch.span.name,
                "start": (branch.span.start - first) / 1e6,
                "milliseconds": branch.span.milliseconds,
                "share": branch.share,
                "error": branch.span.error,
                "attributes": dict(branch.span.attributes),
            }
            for branch in branches(trace)
        ],
    }


def _walk(children: Mapping[str | None, list[Span]]) -> Iterator[tuple[Span, tuple[bool, ...]]]:
    """Depth first without recursion: a trace may be deeper than Python's stack."""
    stack: list[tuple[Span, tuple[bool, ...]]] = [(root, ()) for root in reversed(children.get(None, []))]
    while stack:
        span, last = stack.pop()
        yield span, last
        below = children.get(span.id, [])
        stack.extend((child, (*last, child is below[-1])) for child in reversed(below))


def _label(branch: Branch) -> str:
    if not branch.last:
        return branch.span.name
    *above, last = branch.last
    rails = "".join("   " if done else "│  " for done in above)
    return f"{rails}{'└─ ' if last else '├─ '}{branch.span.name}"


def _figures(branch: Branch) -> str:
    span = branch.span
    return f"  {span.milliseconds:>9,.1f} ms  {branch.share:>4.0%}  {_details(span)}".rstrip()


def _details(span: Span) -> str:
    """Attributes that fit on a line, content left out; an error first."""
    parts = [f"! {_short(span.error)}"] if span.error else []
    for key, value in span.attributes.items():
        if key in CONTENT or key in (RELEASE, ERROR):
            continue
        name = key.removeprefix("assay.").removeprefix("gen_ai.")
        text = _value(value)
        # Structured values are JSON text: for --json, not for a line.
        if text and len(text) <= _WIDEST and text[0] not in "[{":
            parts.append(f"{name}={text}")
    return "  ".join(parts)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ",".join(_value(item) for item in value)
    return str(value)


def _short(text: str) -> str:
    line = text.split("\n", 1)[0]
    return line if len(line) <= 2 * _WIDEST else f"{line[: 2 * _WIDEST - 1]}…"
