"""What is said of experiments: lines and tables, plain text that needs no colour to be read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from assay.cli.rollout_tables import bar, day, folded, interval, measured, percent, share_of, span

if TYPE_CHECKING:
    from assay.rollouts.experiments.evidence import Evidence
    from assay.rollouts.experiments.overview import Episode
    from assay.rollouts.experiments.ranked import Ranked
    from assay.rollouts.traffic.events import Finding
    from assay.rollouts.traffic.plan import Design, Guard
    from assay.scores import Estimate

LEGEND = (
    "difference: in percentage points, or × as a ratio, with bounds that hold together whenever they are looked at; "
    "worse, better: how far the evidence has come to what ends the experiment (log scale)"
)
WEIGHTED = (
    "mean and difference at any time are weighted by one over the share under which each user was assigned, and so "
    "stay right while shares follow what is seen; the plain mean of those who had the arm is biased then; is best: the "
    "chance that the arm is, as far as is believed, which moves the shares and decides nothing"
)
POLICIES = {
    "fixed": "fixed shares",
    "thompson": "shares follow what seems best",
    "interleave": "both rankings drawn into one",
}


def style_of(each: Episode) -> str:
    """The colour of an outcome."""
    if each.end is None:
        return "cyan"
    return {"found": "green", "harm": "red", "mismatch": "red", "unbuildable": "red"}.get(each.end.reason, "yellow")


def design_lines(design: Design) -> Iterator[str]:
    """What an experiment undertakes to do."""
    for (name, release), share in zip(design.arms, design.shares, strict=True):
        told = "the reference" if name == design.arms[0][0] else "compared with it"
        at = f", {share_of(round(share, 4))} of {design.sticky}s" if design.policy != "interleave" else ""
        yield f"{name}  release {release[:12]}{at}: {told}"
    better = "more" if design.metric.higher_is_better else "less"
    guards = ", ".join(guard.name for guard in design.guards) or "none"
    if design.policy == "interleave":
        yield "decided by whose passages the answers cite: every question is drawn from both rankings"
    else:
        yield f"decided by {design.metric.name} ({better} is better); guards: {guards}"
    floor = f", no arm below {share_of(design.floor)}" if design.policy == "thompson" else ""
    yield (
        f"{POLICIES[design.policy]}{floor}; a false finding in at most {share_of(design.alpha)} of experiments "
        f"(alpha); at most {span(design.longest_seconds)}"
    )


def episode_lines(found: Sequence[Episode]) -> Iterator[Text]:
    """Experiments, newest first; two lines each."""
    for each in reversed(found):
        ended, design = each.ended, each.started.design
        when = f"{day(each.at)}, {span(ended.at - each.at)}" if ended else f"{day(each.at)}, not over"
        releases = " ".join(f"{name} {release[:8]}" for name, release in design.arms)
        line = Text.assemble((each.id, "bold"), "  ", (f"{each.outcome:<12}", style_of(each)), f"  {releases}")
        yield line.append(f"  {when}  {each.started.by}")
        yield Text(f"          {' | '.join(filter(None, (design.metric.name, each.started.why, each.because)))}")


def arm_table(evidence: Evidence, shares: Sequence[float]) -> Table:
    """Each arm on a line: its share, who counted, and what was seen of the deciding metric."""
    design = evidence.design
    adaptive = design.policy == "thompson"
    table = _table("arm", "share", f"{design.sticky}s", "counted", "plain mean" if adaptive else "mean")
    for name in ("mean, any time", "is best") if adaptive else ():
        table.add_column(name, no_wrap=True)
    chances = evidence.chances() if adaptive else {}
    for arm, share in zip(evidence.arms, shares, strict=True):
        tally = evidence.tallies[arm]
        cells = [arm, percent(share), f"{evidence.ratio.counts.get(arm, 0):,}", f"{tally.n:,}"]
        cells.append(measured(design.metric, tally.mean))
        if adaptive:
            cells += [_bounded(design.metric, evidence.mean(arm)), percent(chances[arm])]
        table.add_row(*(Text(cell) for cell in cells))
    return table


def finding_table(findings: Sequence[Finding], evidence: Evidence) -> Table:
    """Each pair of arms on the deciding metric, and each arm on each guard."""
    table = _table("", "")
    for name in ("difference, any time", "worse", "better"):
        table.add_column(name, no_wrap=True)
    guards = {guard.name: guard for guard in evidence.design.guards}
    for each in findings:
        name, _, pair = each.guard.partition(": ")
        guard = guards.get(name)
        bar_at = evidence.bar if guard is None else evidence.harm_bar
        difference = interval(guard, each) if guard is not None else _difference(evidence, each, *pair.split(" vs "))
        better = bar(each.safe, bar_at) if guard is None else "-"
        table.add_row(*(Text(cell) for cell in (name, pair, difference, bar(each.harm, bar_at), better)))
    return table


def preference_lines(evidence: Evidence, width: int) -> Iterator[RenderableType]:
    """How an experiment on rankings stands."""
    test, rate = evidence.wins.test, evidence.wins.rate()
    first, second = evidence.arms
    yield Text(f"questions: {evidence.wins.questions:,}, of which {test.ties:,} ties")
    yield Text(f"more of {first}'s passages cited on {test.first:,}, more of {second}'s on {test.second:,}")
    if rate is not None:
        told = f"{second} is preferred on {percent(rate.value)} of those [{percent(rate.low)}, {percent(rate.high)}]"
        yield folded(f"{told}, bounds that hold whenever they are looked at", width, after=2)
    yield Text(f"evidence: {bar(test.peak, math.log(1 / evidence.design.alpha))} of what ends it")


def ranked_lines(found: Ranked, releases: Sequence[str], width: int) -> Iterator[Text]:
    """What interleaving on a dataset came to, beside what nDCG says of the same questions."""
    test, rate, paired = found.wins.test, found.wins.rate(), found.ndcg()
    first, second = (f"{name} ({said})" for name, said in zip("AB", releases, strict=True))
    asked = len(found.asked)
    if found.preferred is None:
        told = f"neither ranking is shown to be preferred on {asked:,} questions"
        yield folded(told, width, after=2, style="yellow")
    else:
        best = second if found.preferred == "second" else first
        left = f", and {found.left:,} were not needed" if found.left else ""
        yield folded(f"{best} is preferred, after {asked:,} questions{left}", width, after=2, style="green")
    yield Text(
        f"  relevant documents from {first} on {test.first:,}, from {second} on {test.second:,}, ties {test.ties:,}"
    )
    if rate is not None:
        told = f"B wins {percent(rate.value)} of those that are no tie [{percent(rate.low)}, {percent(rate.high)}]"
        yield folded(f"{told}, at any time", width, indent=2, after=4)
    strength = math.exp(min(test.peak, 20.0))
    yield Text(f"  evidence {strength:,.1f}; {1 / found.wins.alpha:,.0f} decides")
    if paired is None:
        return
    value = paired.difference
    told = (
        f"nDCG@{found.k} on the same questions: A {paired.first:.3f}, B {paired.second:.3f}, "
        f"difference {value.value:+.3f} [{value.low:+.3f}, {value.high:+.3f}], p = {paired.p_value:.2g}"
    )
    if paired.p_value <= found.wins.alpha:
        told += "; a test planned for just these questions would say so too"
    elif paired.needed is not None:
        told += f"; a test planned beforehand would need about {paired.needed:,} more such questions"
    yield folded(told, width, indent=2, after=4)


def _difference(evidence: Evidence, finding: Finding, arm: str, other: str) -> str:
    """Of a pair on the deciding metric: weighted where shares follow what is seen."""
    metric = evidence.design.metric
    if evidence.design.policy != "thompson":
        return interval(metric, finding)
    return _bounded(metric, evidence.difference(arm, other), signed=True)


def _bounded(guard: Guard, found: Estimate | None, *, signed: bool = False) -> str:
    if found is None:
        return "-"
    return (
        f"{_spelt(guard, found.value, signed=signed)} "
        f"[{_spelt(guard, found.low, signed=signed)}, {_spelt(guard, found.high, signed=signed)}]"
    )


def _spelt(guard: Guard, value: float, *, signed: bool) -> str:
    sign = "+" if signed else ""
    if guard.kind != "mean":
        return f"{100 * value:{sign}.1f}"
    return f"{value:{sign}.4f} $" if guard.metric == "cost" else f"{value:{sign}.0f} ms"


def _table(*names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for at, name in enumerate(names):
        table.add_column(name, no_wrap=True, justify="left" if at < 1 or name == "release" else "right")
    return table
