"""A forecast as a table: what an evaluation would call, spend and take."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from assay.cli.output import duration
from assay.evaluation.running.forecast import Forecast, Part, Range


def forecast_table(label: str, found: Forecast) -> RenderableType:
    """One row for the answers and for each scorer that has something to do, then the sum."""
    todo = [part for part in (found.answers, *found.scores) if part.missing]
    free = [part for part in found.scores if part.missing and part.calls is not None and not part.calls.high]
    head = Text(f"{label}: {_cases(found)}", "bold")
    if not todo:
        return Group(head, Text("  everything is known: no call, no cost"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for name in ("known", "to do", "calls", "tokens", "cost"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("expected from", style="dim")
    for part in (part for part in todo if part not in free):
        table.add_row(part.name, str(part.known), str(part.missing), *_costs(part), part.based_on)
    if free:
        table.add_row("scores", "", str(sum(part.missing for part in free)), "none", "", "", "no model is asked")
    minutes = found.minutes
    took = "unknown: nothing like it has been measured here" if minutes is None else _span(minutes)
    money = "unknown" if found.dollars is None else _money(found.dollars)
    return Group(head, table, Text(f"time {took}, at most {found.concurrency} calls at once; cost {money}"))


def _cases(found: Forecast) -> str:
    times = f" × {found.repeats}" if found.repeats > 1 else ""
    return f"{found.cases} case{'s' if found.cases != 1 else ''}{times}"


def _costs(part: Part) -> tuple[str, str, str]:
    tokens = [each for each in (part.input_tokens, part.output_tokens) if each is not None]
    count = "" if not tokens else f"{sum(each.expected for each in tokens):,.0f}"
    return (
        "" if part.calls is None else _range(part.calls),
        count if count != "0" else "",
        "" if part.dollars is None or not part.dollars.high else _money(part.dollars),
    )


def _range(found: Range) -> str:
    if found.high == 0:
        return ""
    if found.high - found.low < 1:
        return f"{found.expected:,.0f}"
    return f"{found.low:,.0f} to {found.high:,.0f}"


def _money(found: Range) -> str:
    if found.high == 0:
        return "nothing"
    return f"${found.expected:.4f} (${found.low:.4f} to ${found.high:.4f})"


def _span(minutes: Range) -> str:
    return f"{duration(60 * minutes.expected)} ({duration(60 * minutes.low)} to {duration(60 * minutes.high)})"
