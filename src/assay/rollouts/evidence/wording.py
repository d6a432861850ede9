"""Decisions in a sentence, with the numbers, for somebody who did not start the rollout."""

from __future__ import annotations

import math

from assay.rollouts.evidence.rollout import Evidence
from assay.rollouts.traffic.events import Finding
from assay.rollouts.traffic.plan import Guard, Plan
from assay.rollouts.traffic.state import Rollout
from assay.statistics.anytime.evidence import threshold

_MANY = math.log(1e6)
_HEADS = {"user": "users", "session": "sessions", "request": "answers"}
_TIMES = ((86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute"), (1.0, "second"))


def why_harm(rollout: Rollout, evidence: Evidence) -> str:
    findings = {finding.guard: finding for finding in evidence.findings()}
    worst = max(rollout.plan.guards, key=lambda guard: findings[guard.name].harm)
    told = observed(worst, findings[worst.name], evidence)
    rare = one_in(evidence.harm_peak)
    asked = one_in(threshold(rollout.plan.alpha))
    return (
        f"{told}; if the candidate were within its limits, evidence this strong would come up in at most {rare} "
        f"rollouts, however often it is looked at (a candidate goes back at {asked})"
    )


def why_mismatch(rollout: Rollout, evidence: Evidence) -> str:
    counts, expected = evidence.split
    heads = _HEADS[rollout.plan.sticky]
    total = counts.live + counts.candidate
    return (
        f"of {total:,} {heads} that were assigned, {counts.candidate:,} were the candidate's where the shares of the "
        f"plan make about {expected:,.0f}; a split like that would come up by chance in at most "
        f"{one_in(evidence.mismatch)} rollouts, and whatever makes {heads} go missing makes the arms incomparable"
    )


def why_inconclusive(rollout: Rollout, evidence: Evidence) -> str:
    plan = rollout.plan
    over = f"the rollout's longest time, {spell_time(plan.longest_seconds)}, is over"
    return f"{over} {_place(rollout, evidence)}, and {_open_questions(plan, evidence)}; inconclusive does not ship"


def why_advanced(rollout: Rollout, evidence: Evidence) -> str:
    seen, heads = evidence.units(rollout.stage).candidate, _HEADS[rollout.plan.sticky]
    return (
        f"{seen:,} {heads} had the candidate at {_percent(rollout.share)} and nothing showed harm "
        f"({_strength(evidence, rollout.plan)}); the share becomes {_percent(rollout.plan.stages[rollout.stage + 1])}"
    )


def why_shadowed(rollout: Rollout, evidence: Evidence, ended: str) -> str:
    return (
        f"shadow is over, {ended}, and nothing showed harm ({_strength(evidence, rollout.plan)}); "
        f"the first {_percent(rollout.plan.stages[0])} of {_HEADS[rollout.plan.sticky]} get the candidate"
    )


def why_promoted(rollout: Rollout, evidence: Evidence) -> str:
    plan, findings = rollout.plan, {finding.guard: finding for finding in evidence.findings()}
    told = "; ".join(observed(guard, findings[guard.name], evidence) for guard in plan.guards)
    return (
        f"every guard is shown to be no worse than allowed ({told}); a release that is worse than allowed on any of "
        f"them would be promoted in at most {one_in(threshold(plan.promotion_alpha))} rollouts"
    )


def observed(guard: Guard, finding: Finding, evidence: Evidence) -> str:
    """What was seen of a guard: ``errors: 9.8 % of 212 users against live's 4.9 % of 1,913``."""
    if finding.candidate is None or finding.live is None:
        return f"{guard.name}: nothing to compare yet"
    heads = _HEADS[evidence.plan.sticky] if evidence.units(0).candidate else "copies of questions"
    if guard.kind == "quantile":
        return f"{guard.name}: {_tail(guard, finding, evidence.limits.get(guard.name), heads)}"
    if guard.kind == "mean":
        told = f"{_amount(guard, finding.candidate)} on average of {finding.n:,} {heads}"
        return f"{guard.name}: {told} against live's {_amount(guard, finding.live)} of {finding.m:,}"
    told = f"{_percent(finding.candidate)} of {finding.n:,} {heads}"
    return f"{guard.name}: {told} against live's {_percent(finding.live)} of {finding.m:,}"


def waiting(rollout: Rollout, evidence: Evidence, at: float) -> str:
    """What a rollout waits for now."""
    plan = rollout.plan
    if rollout.phase == "gate":
        return "the offline gate's verdict"
    if rollout.paused:
        return "a person, to let it go on"
    if rollout.phase == "shadow" and plan.shadow is not None:
        return f"{evidence.shadow.answers:,} of {plan.shadow.answers:,} copies answered"
    seen, left = evidence.units(rollout.stage).candidate, plan.least_seconds - (at - rollout.since)
    missing = []
    if seen < plan.least_answers:
        missing.append(f"{seen:,} of {plan.least_answers:,} {_HEADS[plan.sticky]} of the candidate in this stage")
    if left > 0:
        missing.append(f"{spell_time(left)} more in this stage")
    if rollout.stage == len(plan.stages) - 1 and evidence.unsafe:
        missing.append(_open_questions(plan, evidence))
    return " and ".join(missing) or "the next look"


def one_in(log_e: float) -> str:
    """``1 of 40``, from a log e-value: by Ville's inequality how rarely chance alone gets there, at any time."""
    if log_e >= _MANY:
        return "1 of 1,000,000"
    return f"1 of {max(1, math.floor(math.exp(log_e) + 1e-9)):,}"


def spell_time(seconds: float) -> str:
    """``7 days``, ``90 minutes``: in the largest unit that there are two of."""
    for size, name in _TIMES:
        if seconds >= 2 * size or (name == "second" and seconds >= 0) or seconds == size:
            many = seconds / size
            number = f"{many:,.0f}" if many >= 10 or many == int(many) else f"{many:.1f}"
            return f"{number} {name}{'' if number == '1' else 's'}"
    return "no time"


def _open_questions(plan: Plan, evidence: Evidence) -> str:
    unsafe = evidence.unsafe
    if not unsafe:
        return "every guard is shown to be safe, but the last stage was not come to its end"
    peaks = {finding.guard: finding.safe for finding in evidence.findings()}
    bar = math.exp(threshold(plan.promotion_alpha))
    told = ", ".join(f"{name} ({math.exp(min(peaks[name], 50.0)):.1f})" for name in unsafe)
    many = (
        f"{len(unsafe)} of {len(plan.guards)} guards are" if len(unsafe) > 1 else f"1 of {len(plan.guards)} guards is"
    )
    return f"{many} not shown to be safe: {told}, where evidence of {bar:,.0f} is needed"


def _place(rollout: Rollout, evidence: Evidence) -> str:
    if rollout.phase != "canary":
        return f"in {'its gate' if rollout.phase == 'gate' else 'shadow'}"
    seen = evidence.units(rollout.stage).candidate
    many = f"{seen:,} {_HEADS[rollout.plan.sticky]} of the candidate"
    return f"at {_percent(rollout.share)} of traffic after {many} in this stage"


def _strength(evidence: Evidence, plan: Plan) -> str:
    harm, bar = math.exp(min(evidence.harm, 50.0)), math.exp(threshold(plan.alpha))
    return f"evidence of harm {harm:.1f}, {bar:,.0f} would end it"


def _tail(guard: Guard, finding: Finding, limit: float | None, heads: str) -> str:
    share, live = _percent(finding.candidate or 0.0), _percent(finding.live or 0.0)
    if limit is None or guard.quantile is None:
        return f"{share} of {finding.n:,} {heads} beyond the limit against live's {live} of {finding.m:,}"
    rank = f"{100 * guard.quantile:g} % quantile"
    return (
        f"{share} of {finding.n:,} {heads} waited longer than {_wait(guard.allowed * limit)} ({guard.allowed:g} times "
        f"live's {rank}) where {live} of live's {finding.m:,} waited longer than {_wait(limit)}"
    )


def _wait(milliseconds: float) -> str:
    return f"{milliseconds / 1e3:.2f} s" if milliseconds >= 1e3 else f"{milliseconds:.0f} ms"


def _amount(guard: Guard, value: float) -> str:
    if guard.metric == "cost":
        return f"{value:.3g} USD"
    if guard.metric in ("latency", "first_token"):
        return _wait(value)
    return f"{value:.3g}"


def _percent(share: float) -> str:
    """Three digits at most: 4.9 %, 25 %, 0.02 %."""
    percent = 100 * share
    return (
        f"{percent:.0f} %"
        if percent >= 99.95 or percent == round(percent)
        else f"{percent:.{1 if percent >= 1 else 2}f} %"
    )
