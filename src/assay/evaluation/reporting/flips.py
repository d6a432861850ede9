"""The cases that a metric judges otherwise than before, as tables of the page."""

from __future__ import annotations

from collections.abc import Sequence

from assay.evaluation.reporting.markup import Child, Markup, element
from assay.evaluation.reporting.tables import table
from assay.evaluation.reporting.wording import clipped, count
from assay.evaluation.verdicts import Comparison, Flip

FIRST, MOST = 10, 200


def flips(comparison: Comparison, anchors: dict[str, str]) -> list[Markup]:
    """The cases that a metric judges otherwise than before, with both traces: what was lost, then what was gained."""
    rising = {each.metric.name: each.metric.higher_is_better for each in comparison.metrics}
    parts: dict[str, list[Flip]] = {"worse": [], "better": []}
    for flip in comparison.flips:
        gained = (flip.after > flip.before) == rising.get(flip.metric, True)
        parts["better" if gained else "worse"].append(flip)
    return [
        element(
            "div",
            element("h3", f"{side.capitalize()}: {count(len(found), 'judgement')}"),
            _folded(found, side, anchors),
        )
        for side, found in parts.items()
        if found
    ]


def _folded(found: Sequence[Flip], side: str, anchors: dict[str, str]) -> list[Markup]:
    """The largest changes in sight, the rest a click away."""
    ordered = sorted(found, key=lambda flip: -abs(flip.after - flip.before))
    first, rest, left = ordered[:FIRST], ordered[FIRST:MOST], len(ordered) - MOST
    shown = [_flips(first, side, anchors)]
    if rest:
        shown.append(
            element("details", element("summary", f"{len(rest):,} more"), _flips(rest, side, anchors), class_="more")
        )
    if left > 0:
        shown.append(element("p", f"… and {left:,} more", class_="quiet"))
    return shown


def _flips(found: Sequence[Flip], side: str, anchors: dict[str, str]) -> Markup:
    columns = ["case", "question", "metric", "before → after", "traces"]
    rows = [
        [
            element("a", each.case, href=f"#{anchors[each.case]}") if each.case in anchors else each.case,
            element("span", clipped(each.question, 160), dir="auto"),
            each.metric,
            element("span", f"{each.before:.2f} → ", element("b", f"{each.after:.2f}", class_=side), class_="kept"),
            [_trace("before", each.trace_before), _trace("after", each.trace_after)],
        ]
        for each in found
    ]
    return table(f"Cases judged {side} than before", columns, rows, class_="flips")


def _trace(when: str, id: str | None) -> Markup:
    shown: Child = element("span", "none", class_="quiet") if id is None else element("code", id[:12], title=id)
    return element("span", f"{when} ", shown, class_="line kept")
