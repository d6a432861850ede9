"""An experiment's decisions in a sentence, with the numbers, for somebody who did not start it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from assay.rollouts.evidence.wording import one_in, spell_time
from assay.rollouts.experiments.evidence import Evidence, Harmed
from assay.rollouts.traffic.events import Finding
from assay.rollouts.traffic.plan import Guard
from assay.statistics.anytime.evidence import threshold

HEADS: Mapping[str, str] = {"user": "users", "session": "sessions", "request": "answers"}


def why_found(evidence: Evidence, winner: str) -> str:
    design = evidence.design
    findings = {finding.guard: finding for finding in evidence.findings()}
    rare = one_in(threshold(design.alpha))
    if design.policy == "interleave":
        test = evidence.wins.test
        won, lost = (test.first, test.second) if winner == evidence.arms[0] else (test.second, test.first)
        return (
            f"answers cited more of {winner}'s picks on {won:,} questions and fewer on {lost:,} ({test.ties:,} ties); "
            f"two rankings of which neither is preferred would come this far apart in at most {rare} experiments"
        )
    told = "; ".join(
        observed(design.metric, findings[name], evidence) for name in findings if _decides(name, winner, evidence)
    )
    return (
        f"{winner} is better on {design.metric.name} than every other arm ({told}); an arm that is not would be called "
        f"best in at most {rare} experiments, however often one looks"
    )


def why_harm(evidence: Evidence, harmed: Harmed) -> str:
    finding = next(each for each in evidence.findings() if each.guard == harmed.finding)
    rare = one_in(threshold(evidence.design.alpha))
    return (
        f"{observed(harmed.guard, finding, evidence)}; were no arm worse on any guard than harm allows, one would seem "
        f"so in at most {rare} experiments"
    )


def why_mismatch(evidence: Evidence) -> str:
    counts, expected = evidence.ratio.counts, evidence.ratio.expected
    told = ", ".join(f"{counts.get(arm, 0):,} of {arm} where about {expected[arm]:,.0f} were due" for arm in expected)
    heads = HEADS[evidence.design.sticky]
    return (
        f"{told}; {heads} would be split like that by chance in at most {one_in(evidence.mismatch)} experiments, and "
        f"whatever makes {heads} go missing makes the arms incomparable"
    )


def why_inconclusive(evidence: Evidence) -> str:
    over = f"the {spell_time(evidence.design.longest_seconds)} of the experiment are over"
    return f"{over}, {_votes(evidence)}, and {_nothing_shown(evidence)}"


def waits(evidence: Evidence, left: float) -> str:
    """``left`` is how many seconds of the experiment are to come."""
    return f"{_nothing_shown(evidence)}; it ends in {spell_time(max(0.0, left))} at the latest"


def observed(guard: Guard, finding: Finding, evidence: Evidence) -> str:
    """What was seen of a pair: ``errors: B vs A: 9.8 % of 212 users against 4.9 % of 1,913``."""
    if finding.candidate is None or finding.live is None:
        return f"{finding.guard}: nothing to compare yet"
    heads = HEADS[evidence.design.sticky]
    arm, other = amount(guard, finding.candidate), amount(guard, finding.live)
    if guard.kind == "quantile":
        limit = evidence.limits.get(finding.guard, 0.0)
        return (
            f"{finding.guard}: {arm} of {finding.n:,} {heads} waited longer than {wait(guard.allowed * limit)} where "
            f"{other} of {finding.m:,} waited longer than {wait(limit)}"
        )
    word = " on average" if guard.kind == "mean" else ""
    return f"{finding.guard}: {arm}{word} of {finding.n:,} {heads} against {other} of {finding.m:,}"


def amount(guard: Guard, value: float) -> str:
    """A guard's observed value in its unit."""
    if guard.kind != "mean":
        return percent(value)
    return f"{value:.3g} USD" if guard.metric == "cost" else wait(value)


def wait(milliseconds: float) -> str:
    """A time that users wait."""
    return f"{milliseconds / 1e3:.2f} s" if milliseconds >= 1e3 else f"{milliseconds:.0f} ms"


def percent(share: float) -> str:
    """Three digits at most: 4.9 %, 25 %, 0.02 %."""
    value = 100 * share
    if abs(value) >= 99.95 or value == round(value):
        return f"{value:.0f} %"
    return f"{value:.{1 if abs(value) >= 1 else 2}f} %"


def _decides(name: str, winner: str, evidence: Evidence) -> bool:
    metric = evidence.design.metric.name
    pairs = {f"{metric}: {winner} vs {arm}" for arm in evidence.arms}
    return name in pairs | {f"{metric}: {arm} vs {winner}" for arm in evidence.arms}


def _votes(evidence: Evidence) -> str:
    if evidence.design.policy == "interleave":
        return f"{evidence.wins.questions:,} questions were asked"
    return f"{evidence.votes:,} {HEADS[evidence.design.sticky]} counted on {evidence.design.metric.name}"


def _nothing_shown(evidence: Evidence) -> str:
    """What is missing: how far the arm that is nearest to being best has come."""
    design = evidence.design
    if design.policy == "interleave":
        strength, bar = evidence.wins.test.peak, threshold(design.alpha)
        return f"neither ranking is shown to be preferred (evidence {_times(strength)}, {_times(bar)} is needed)"
    arm, strength = evidence.nearest
    return (
        f"no arm is shown to be best ({arm} is nearest: evidence {_times(strength)}, {_times(evidence.bar)} is needed)"
    )


def _times(log_e: float) -> str:
    value = math.exp(min(log_e, 20.0))
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
