"""What is said of rollouts and environments: lines and tables, plain text that needs no colour to be read."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from assay.cli.output import duration

if TYPE_CHECKING:
    from assay.rollouts.overview import Episode, Lived, View
    from assay.rollouts.planning.risk import Charge
    from assay.rollouts.traffic.events import Finding
    from assay.rollouts.traffic.plan import Guard, Plan
    from assay.rollouts.traffic.state import Rollout

CELLS = 4
"""Characters of a bar."""
STYLES = {"promoted": "green", "rolled back": "red", "inconclusive": "yellow", "under way": "cyan"}
LEGEND = (
    "difference: in percentage points, or × as a ratio, with bounds that hold whenever they are looked at; "
    "harm, safe: how far the evidence has come to what sends a release back, and to what promotes it (log scale)"
)
_DAY = 86_400


def day(at: float) -> str:
    """A moment in this place's own time, to the minute."""
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")


def span(seconds: float) -> str:
    """A length of time, days where it has some."""
    days, rest = divmod(max(0.0, seconds), _DAY)
    if days:
        return f"{days:.0f} d" + (f" {rest // 3600:.0f} h" if rest >= 3600 else "")
    return duration(rest) if rest else "0 s"


def percent(share: float) -> str:
    """A share, with as many digits as a small one needs."""
    return f"{share:.2%}" if 0 < abs(share) < 0.01 else f"{share:.1%}"


def share_of(value: float) -> str:
    """A share that somebody chose: without digits that say nothing."""
    return f"{100 * value:g} %"


def folded(text: str, width: int, *, indent: int = 0, after: int | None = None, style: str = "") -> Text:
    """A paragraph as lines of at most ``width`` characters: the first indented by ``indent``, the others by ``after``
    (None: as the first). Words are never cut: a digest, a path or a command can be copied."""
    lines = textwrap.wrap(
        " ".join(text.split()),
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent if after is None else after),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return Text("\n".join(lines), style)


# --- environments ---------------------------------------------------------------------------------------------------


def environment_lines(told: Mapping[str, Any], *, this_file: str) -> Iterator[str]:
    """An environment at a glance, from what ``environment list --json`` says of it."""
    name = told["environment"]
    if told["live"] is None:
        yield f"{name:<11} nothing is live yet"
        return
    mark = ", this file's" if told["live"] == this_file else ""
    yield f"{name:<11} release {told['live'][:12]}{mark}, live since {day(told['since'])}"
    yield f"{'':<11} {told['how']}"
    if told["rollout"] is not None:
        candidate, share = told["candidate"][:12], share_of(told["share"])
        yield f"{'':<11} rollout {told['rollout']} of release {candidate} is under way, at {share}"
    if told["experiment"] is not None:
        yield f"{'':<11} experiment {told['experiment']} is under way"
    risk = told["risk"]
    if risk["spent"]:
        spent = f"{risk['spent']:.3g} of {risk['budget']:g} spent, {risk['left']:.3g} left"
        yield f"{'':<11} risk of {risk['quarter']}: {spent}"


def lived_lines(past: Sequence[Lived]) -> Iterator[str]:
    """What has been live, newest first."""
    if past:
        yield ""
        yield "live since        release       how"
    for each in reversed(past):
        yield f"{day(each.at)}  {each.release[:12]}  {each.how}"


def risk_lines(
    environment: str, quarter: str, budget: float, charges: Sequence[Charge], *, renewed: float
) -> Iterator[str]:
    """A quarter's risk budget: what was charged, by which rollout, and what is left."""
    spent = sum(each.risk for each in charges)
    yield f"{environment}, {quarter}: {spent:.3g} of {budget:g} spent, {max(0.0, budget - spent):.3g} left"
    next_day = datetime.fromtimestamp(renewed, UTC).strftime("%Y-%m-%d")
    yield f"a rollout past its gate is charged its chance of a false promotion; a new budget begins on {next_day} (UTC)"
    if charges:
        yield ""
        yield "rollout   started           charged   left  outcome"
    for each in charges:
        yield f"{each.rollout:<9} {day(each.at)} {each.risk:>8.3g} {each.left:>6.3g}  {each.outcome.replace('_', ' ')}"


# --- rollouts --------------------------------------------------------------------------------------------------------


def rollout_lines(found: Sequence[Episode]) -> Iterator[Text]:
    """Rollouts, newest first: outcome, why, when; two lines each, whole however narrow the terminal."""
    for each in reversed(found):
        ended = each.ended
        when = f"{day(each.at)}, {span(ended.at - each.at)}" if ended else f"{day(each.at)}, not over"
        line = Text.assemble(
            (each.id, "bold"), "  ", (f"{each.outcome:<12}", STYLES[each.outcome]), f"  {each.started.candidate[:12]}"
        )
        yield line.append(f"  {when}  {each.started.by}")
        told = " | ".join(filter(None, (each.started.why, each.because)))
        if told:
            yield Text(f"          {told}")


def stage_of(rollout: Rollout) -> str:
    """The phase of a rollout in words."""
    plan = rollout.plan
    if rollout.phase == "gate":
        return "in its offline gate: no traffic yet"
    if rollout.phase == "shadow":
        share = share_of(plan.shadow.share) if plan.shadow else ""
        return f"shadow: copies of {share} of the questions, seen by no user"
    return f"stage {rollout.stage + 1} of {len(plan.stages)}: {share_of(rollout.share)} of {units_word(plan)}"


def units_word(plan: Plan) -> str:
    """What is assigned and counted."""
    return f"{plan.sticky}s"


def view_lines(view: View, width: int) -> Iterator[Text]:
    """What is live and how far the rollout is; the guards' evidence is a table of its own."""
    traffic, lived = view.traffic, view.lived
    head = Text(traffic.environment, "bold")
    if lived is None:
        yield head.append("  nothing is live yet: `assay serve`, or assay environment deploy -m WHY", "not bold")
        return
    yield head.append(f"  release {lived.release[:12]} is live since {day(lived.at)}", "not bold")
    yield folded(lived.how, width)
    if traffic.experiment is not None:
        yield Text(f"experiment {traffic.experiment.id} is under way: `assay experiment status`")
    episode, rollout = view.episode, traffic.rollout
    if episode is None:
        yield Text("no rollout yet: `assay rollout start` sends this file's release out")
    elif rollout is None:
        ended = f"ended as {episode.outcome}, because {episode.because}"
        yield folded(f"no rollout is under way; the last one, {episode.id}, {ended}", width)
    else:
        yield from _under_way(view, episode, rollout, width)


def _under_way(view: View, episode: Episode, rollout: Rollout, width: int) -> Iterator[Text]:
    plan, evidence = rollout.plan, view.evidence
    why = f": {episode.started.why}" if episode.started.why else ""
    yield Text()
    yield folded(f"rollout {rollout.id} of release {rollout.candidate[:12]}{why}", width, after=2, style="bold")
    left = span(plan.longest_seconds - (view.at - rollout.started))
    since = span(view.at - rollout.since)
    yield Text(f"started {day(rollout.started)} by {episode.started.by}; without promotion it ends in {left}")
    held = "; PAUSED" if rollout.paused else ""
    yield folded(f"{stage_of(rollout)}; for {since} so far{held}", width, after=2)
    if evidence is None:
        yield folded("killed on the way? `assay rollout resume` goes on", width)
        return
    if rollout.phase == "shadow" and plan.shadow is not None:
        made = evidence.shadow
        cost = f"${made.cost:.4f} of ${plan.shadow.cost:g}"
        yield Text(f"copies answered: {made.answers:,} of {plan.shadow.answers:,}, for {cost}")
    else:
        units = evidence.units(rollout.stage)
        needs = f"of {plan.least_answers:,} needed"
        yield Text(f"{units_word(plan)} in this stage: candidate {units.candidate:,} {needs}, live {units.live:,}")
    if rollout.pins:
        yield Text(f"pinned: {len(rollout.pins)}, who count for nothing")
    yield Text(f"harm, all guards together: {bar(evidence.harm, math.log(1 / plan.alpha))} of what sends it back")
    if view.waits:
        yield folded(f"waits for {view.waits}", width, after=2)


def bar(log_e: float, threshold: float) -> str:
    """How far a log e-value is on its way to its threshold: ``##.. 41%``; nothing where it speaks against it."""
    done = min(1.0, max(0.0, log_e / threshold)) if threshold > 0 and math.isfinite(log_e) else float(log_e > 0)
    full = CELLS if done >= 1 else min(CELLS - 1, math.floor(done * CELLS + 0.5))
    return f"{'#' * full}{'.' * (CELLS - full)} {math.floor(100 * done):>2}%"


def guard_table(findings: Sequence[Finding], plan: Plan) -> Table:
    """Each guard on one line: what was seen, the interval at any time, how far harm and safety are shown."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("guard", overflow="fold", max_width=16)
    for name in ("live", "candidate"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("difference, any time", "harm", "safe"):
        table.add_column(name, no_wrap=True)
    guards = {guard.name: guard for guard in plan.guards}
    harm, safe = math.log(len(plan.guards) / plan.alpha), math.log(1 / plan.promotion_alpha)
    for each in findings:
        guard = guards[each.guard]
        cells = (
            each.guard,
            measured(guard, each.live),
            measured(guard, each.candidate),
            interval(guard, each),
            bar(each.harm, harm),
            "shown" if each.safe >= safe else bar(each.safe, safe),
        )
        table.add_row(*(Text(cell) for cell in cells))
    return table


def guard_notes(findings: Sequence[Finding], plan: Plan, limits: Mapping[str, float]) -> Iterator[str]:
    """What a reader of the table must know of some guards. ``limits`` has live's quantiles, in milliseconds."""
    if not any(each.n or each.m for each in findings):
        yield "no user's answer has counted yet"
        return
    yield LEGEND
    for guard in plan.guards:
        if guard.kind != "quantile" or guard.quantile is None:
            continue
        limit = limits.get(guard.name)
        if limit is None:
            yield f"{guard.name} waits for enough of live's answers to know how long they take"
        else:
            allowed = f"candidate over {limit * guard.allowed:.0f} ms, the {guard.allowed:g} times that are allowed"
            yield f"{guard.name}: share of answers that take longer: live over {limit:.0f} ms, {allowed}"
    unseen = [each.guard for each in findings if not each.n]
    if unseen:
        yield f"nothing counted of the candidate yet: {', '.join(unseen)}"


def counted(findings: Sequence[Finding], plan: Plan) -> str:
    """Over how many units of each arm the findings are; guards with fewer, such as judged ones, by name."""
    most, of = max(each.n for each in findings), max(each.m for each in findings)
    told = f"{most:,} {units_word(plan)} of the candidate and {of:,} of live counted"
    fewer = [f"{each.guard} {each.n:,} and {each.m:,}" for each in findings if each.n < 0.9 * most or each.m < 0.9 * of]
    return f"{told} ({'; '.join(fewer)})" if fewer else told


def measured(guard: Guard, value: float | None) -> str:
    """A guard's observed value in its unit."""
    if value is None:
        return "-"
    if guard.kind == "mean":
        return f"${value:.4f}" if guard.metric == "cost" else f"{value:.0f} ms"
    return percent(value)


def interval(guard: Guard, finding: Finding) -> str:
    """The difference, or the ratio, between its bounds at any time as far as there are any."""
    low, high, live, candidate = finding.low, finding.high, finding.live, finding.candidate
    if live is None or candidate is None:
        return "-"
    if guard.kind == "mean":
        told = f"×{candidate / live:.2f}" if live else "-"
        return told if not _known(low, high) else f"{told} [{_end(low, '.2f')}, {_end(high, '.2f')}]"
    told = f"{100 * (candidate - live):+.1f}"
    return told if not _known(low, high) else f"{told} [{_end(low, '+.1f', 100)}, {_end(high, '+.1f', 100)}]"


def _known(*ends: float | None) -> bool:
    return any(end is not None and math.isfinite(end) for end in ends)


def _end(value: float | None, form: str, times: float = 1.0) -> str:
    return "?" if value is None or not math.isfinite(value) else f"{times * value:{form}}"
