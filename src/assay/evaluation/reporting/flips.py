"""The cases that are judged otherwise than before, as tables of the page."""

from __future__ import annotations

from collections.abc import Sequence

from assay.evaluation.reporting.flipped import Flipped, flipped
from assay.evaluation.reporting.markup import Child, Markup, element
from assay.evaluation.reporting.tables import table
from assay.evaluation.reporting.wording import clipped, count
from assay.evaluation.verdicts import Comparison

FIRST, MOST = 10, 200


def flips(comparison: Comparison, anchors: dict[str, str]) -> list[Markup]:
    """Each case once, with the metrics that say so and both traces: what was lost, then what was gained."""
    found = flipped(comparison)
    parts = {"worse": [each for each in found if each.worse], "better": [each for each in found if not each.worse]}
    return [
        element(
            "div",
            element("h3", f"{side.capitalize()}: {count(len(held), 'case')}"),
            _folded(held, side, anchors),
        )
        for side, held in parts.items()
        if held
    ]


def _folded(found: Sequence[Flipped], side: str, anchors: dict[str, str]) -> list[Markup]:
    """The largest changes in sight, the rest a click away."""
    first, rest, left = found[:FIRST], found[FIRST:MOST], len(found) - MOST
    shown = [_flips(first, side, anchors)]
    if rest:
        shown.append(
            element("details", element("summary", f"{len(rest):,} more"), _flips(rest, side, anchors), class_="more")
        )
    if left > 0:
        shown.append(element("p", f"… and {left:,} more", class_="quiet"))
    return shown


def _flips(found: Sequence[Flipped], side: str, anchors: dict[str, str]) -> Markup:
    columns = ["case", "question", "metric", "before → after", "traces"]
    rows = [
        [
            element("a", each.case, href=f"#{anchors[each.case]}") if each.case in anchors else each.case,
            element("span", clipped(each.question, 160), dir="auto"),
            [element("span", change.metric, class_="line") for change in each.changes],
            [_step(change.before, change.after, "worse" if change.gain < 0 else "better") for change in each.changes],
            [_trace("before", each.trace_before), _trace("after", each.trace_after)],
        ]
        for each in found
    ]
    return table(f"Cases judged {side} than before", columns, rows, class_="flips")


def _step(before: float, after: float, way: str) -> Markup:
    return element("span", f"{before:.2f} → ", element("b", f"{after:.2f}", class_=way), class_="line kept")


def _trace(when: str, id: str | None) -> Markup:
    shown: Child = element("span", "none", class_="quiet") if id is None else element("code", id[:12], title=id)
    return element("span", f"{when} ", shown, class_="line kept")
