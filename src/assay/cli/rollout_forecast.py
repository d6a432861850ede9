"""What is said before a rollout: what changes, what it could find out, and what its offline gate came to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from assay.cli.rollout_tables import folded, measured, share_of, span, units_word

if TYPE_CHECKING:
    from assay.releases.project import Project
    from assay.rollouts.planning.preflight import Preflight
    from assay.rollouts.starting import GateResult
    from assay.rollouts.traffic.plan import Guard, Plan
    from assay.stores.database import Database

_HOUR = 3600
_STYLES = {"pass": "green", "fail": "red", "inconclusive": "yellow", "skipped": "yellow"}


def differing(database: Database, project: Project, old: str, new: str) -> str:
    """What changes from one kept release to another, in a line. Raises StoreError."""
    from assay.cli.release_lines import summary
    from assay.errors import NotFound
    from assay.releases.history.differences import differences
    from assay.releases.history.registry import Registry

    registry = Registry(database)
    try:
        before, after = registry.release(old, project), registry.release(new, project)
    except NotFound as error:
        return f"not known: {error}"
    return summary(differences(before.content(), after.content())) or "nothing that can alter an answer"


def preflight_parts(found: Preflight, plan: Plan, width: int) -> Iterator[RenderableType]:
    """The forecast: traffic, stages, guards, who is exposed, what it costs, what cannot be decided."""
    units = units_word(plan)
    pace = "" if plan.sticky == "request" else f", {found.units_per_hour:,.0f} {units} an hour"
    yield folded(f"traffic: {found.answers_per_hour:,.0f} answers{pace} ({found.based_on})", width, after=2)
    yield Text()
    yield _stages(found, plan)
    yield Text()
    yield _guards(found, plan)
    assumed = [each.guard for each in found.guards if each.source == "assumed"]
    if assumed:
        yield folded(f"assumed of live, since nothing is recorded: {', '.join(assumed)}", width, after=2)
    yield folded(
        f"found after: how many {units} of the candidate, and how much time from the start, it takes until a release "
        "with that harm goes back; safe after: until one that is as good as live is shown to be. Half of all rollouts "
        "take longer",
        width,
        style="dim",
    )
    yield Text()
    yield from (folded(line, width, after=2) for line in _exposed(found, plan))
    yield from (folded(f"cannot decide: {line}", width, after=2, style="yellow") for line in found.cannot)
    yield from (folded(f"advice: {line}", width, after=2) for line in found.advice)


def short_forecast(found: Preflight, plan: Plan) -> Iterator[str]:
    """The same in a few lines."""
    yield f"traffic: {found.answers_per_hour:,.0f} answers an hour ({found.based_on})"
    yield from _exposed(found, plan)
    yield from (f"cannot decide: {line}" for line in found.cannot)


def gate_lines(result: GateResult, width: int) -> Iterator[Text]:
    """What the offline gate came to, guard by guard, and where it can be computed again."""
    from assay.evaluation.reporting.decisions import decisions, told
    from assay.evaluation.reporting.wording import verdict_word

    gated = result.gated
    comparison = result.evaluated.comparison if result.evaluated is not None else None
    decided = decisions(comparison) if comparison is not None else ()
    why = f": {gated.why}" if gated.why and not decided else ""
    yield folded(f"offline gate: {gated.verdict}{why}", width, after=2, style=_STYLES[gated.verdict])
    if comparison is not None:
        for each in decided:
            word = verdict_word(each.verdict)
            yield folded(f"{each.guard.metric} {word}: {told(comparison, each)}", width, indent=2, after=4)
    if gated.comparison is not None:
        yield folded(f"every number again: assay eval recompute {gated.comparison}", width, indent=2, after=4)


def _exposed(found: Preflight, plan: Plan) -> Iterator[str]:
    if found.end_hours is None:
        longest = span(found.longest_hours * _HOUR)
        yield f"a release that is as good as live is not promoted: it ends inconclusive after {longest}"
    else:
        yield f"a release that is as good as live is promoted after about {span(found.end_hours * _HOUR)}"
    yield f"until then {found.exposed:,} {units_word(plan)} get the candidate"
    money = found.money
    known = {
        "shadow copies": money.shadow,
        "judging": money.judge,
        "answers to users (most of which live would have cost)": money.candidate,
    }
    told = ", ".join(f"{what} ${amount:,.2f}" for what, amount in known.items() if amount is not None)
    unknown = ", ".join(what for what, amount in known.items() if amount is None)
    yield "costs: " + "; ".join(filter(None, (told, f"of no recorded price: {unknown}" if unknown else "")))


def _stages(found: Preflight, plan: Plan) -> Table:
    table = _table("stage", "begins after", "lasts", "gets the candidate")
    if plan.shadow is not None:
        copies = f"{plan.shadow.answers:,} copies at most, no user"
        table.add_row("shadow", "at once", span(found.shadow_hours * _HOUR), copies)
    for each in found.stages:
        last = each is found.stages[-1]
        table.add_row(
            share_of(each.share),
            span(each.begins * _HOUR),
            "until it is decided" if last else span((each.ends - each.begins) * _HOUR),
            f"{each.units:,.0f} {units_word(plan)}" + (" at most" if last else ""),
        )
    return table


def _guards(found: Preflight, plan: Plan) -> Table:
    table = _table("guard", "live", "harm", "found after", "safe after")
    guards = {guard.name: guard for guard in plan.guards}
    for each in found.guards:
        table.add_row(
            each.guard,
            _live(guards[each.guard], each.live),
            each.worse,
            _after(each.harm_observations, each.harm_hours),
            _after(each.safe_observations, each.safe_hours),
        )
    return table


def _table(*names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _live(guard: Guard, value: float) -> str:
    return f"{value:,.0f} ms" if guard.kind == "quantile" else measured(guard, value)


def _after(units: int | None, hours: float | None) -> str:
    return "not in time" if units is None or hours is None else f"{units:,}, {span(hours * _HOUR)}"
