"""The guards of a comparison: each asked of the pairs it looks at, all joined to one verdict.

Scores that the subject lost may be what is worse. A metric with a range passes only if it would with the
worst value in each lost place; one without a range is judged only while almost nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from assay.errors import InputError
from assay.evaluation.pairs import Both, Lost, Pair, lost
from assay.evaluation.scoring import Metric
from assay.evaluation.verdicts import Decided, Fail, Guard, Inconclusive, Pass, Verdict
from assay.scores import Estimate
from assay.statistics import noninferiority

LOST = 0.1
"""A guard does not fail if the subject has no score for more than this share of the cases that the baseline
has one for, a case with repeats counted by their share: what is left may not be like the rest."""
LOST_WITHOUT_RANGE = 0.01
"""The same for a quantity that has no worst value, as seconds and money: more forbids a verdict."""
_MEND = "score them, or mend what left them without"


@dataclass(frozen=True, slots=True)
class Asked:
    """A guard with its metric, the pairs it looks at, and what the subject lost of them."""

    guard: Guard
    metric: Metric
    pairs: Sequence[Pair]
    lost: Lost | None


def decide(
    guards: Sequence[Guard],
    metrics: Mapping[str, Metric],
    pairs: Mapping[str, Sequence[Pair]],
    cases: Sequence[Both],
    alpha: float,
    *,
    same: bool,
    otherwise: AbstractSet[str],
) -> tuple[tuple[Decided, ...], Verdict | None]:
    """Each guard's verdict in order, and the one over all: None without guards.

    ``pairs`` are by metric, ``same`` says that both runs are of one release, and ``otherwise`` names metrics
    that the two runs measured by different means.
    """
    if not guards:
        return (), None
    assessed: dict[Guard, tuple[Asked, noninferiority.Assessed]] = {}
    decided: dict[Guard, Decided] = {}
    for guard in guards:
        if guard.metric in otherwise:
            why = "the two runs measured it by different judges, or versions of the scorer"
            decided[guard] = _unsettled(guard, why)
        elif guard.metric not in metrics:
            decided[guard] = _unsettled(guard, "no case has a score on both sides")
        else:
            metric = metrics[guard.metric]
            asked = Asked(guard, metric, pairs.get(guard.metric, ()), lost(metric, cases))
            at_once = _at_once(asked, same=same)
            if at_once is not None:
                decided[guard] = at_once
            else:
                assessed[guard] = asked, _assess(asked)
    if assessed:
        found = noninferiority.decide(
            {str(number): one for number, (_, one) in enumerate(assessed.values())}, alpha=alpha
        )
        for (asked, one), guarded in zip(assessed.values(), found.guards.values(), strict=True):
            verdict = _worded(asked, guarded, seems_fine=_observed(asked).p_pass <= alpha if asked.lost else False)
            decided[asked.guard] = Decided(asked.guard, verdict, one.effect)
    in_order = tuple(decided[guard] for guard in guards)
    return in_order, overall([each.verdict for each in in_order])


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    """Fail if one fails, pass if all pass, else inconclusive with what the most demanding one needs."""
    failed = [verdict for verdict in verdicts if isinstance(verdict, Fail)]
    if failed:
        return Fail("; ".join(verdict.why for verdict in failed))
    unsettled = [verdict for verdict in verdicts if isinstance(verdict, Inconclusive)]
    if unsettled:
        needs = [verdict.needs for verdict in unsettled]
        known = [need for need in needs if need is not None]
        why = "; ".join(verdict.why for verdict in unsettled)
        return Inconclusive(why, max(known) if len(known) == len(needs) else None)
    return Pass(f"{len(verdicts)} guard{'s' if len(verdicts) > 1 else ''} passed")


def _unsettled(guard: Guard, why: str) -> Decided:
    return Decided(guard, Inconclusive(f"{guard.metric}: {why}", None), None)


def _at_once(asked: Asked, *, same: bool) -> Decided | None:
    """What needs no test: nothing to compare, too much lost, or the very same answers."""
    guard, missing = asked.guard, asked.lost
    too_many = missing and (missing.more_than(LOST) or missing.more_chosen_than(LOST_WITHOUT_RANGE))
    if too_many and asked.metric.kind != "share":
        return _unsettled(guard, f"{missing}; {_MEND}")
    if not asked.pairs:
        return _unsettled(guard, f"{missing}; {_MEND}" if missing else "no case has a score on both sides")
    excused = missing is None or not missing.more_than(LOST)
    if same and excused and all(pair.subject == pair.baseline for pair in asked.pairs):
        return Decided(guard, Pass(f"{guard.metric}: the same release with the same answers"), None)
    return None


def _assess(asked: Asked) -> noninferiority.Assessed:
    """By the pairs that there are; but whether it passes, with the worst value in each lost place."""
    observed = _observed(asked)
    if asked.lost is None or asked.metric.kind != "share":
        return observed
    worst = _questioned(asked.guard, asked.metric, asked.lost.worst)
    fails = 1.0 if asked.lost.more_than(LOST) else observed.p_fail
    return replace(observed, p_pass=max(observed.p_pass, worst.p_pass), p_fail=fails)


def _observed(asked: Asked) -> noninferiority.Assessed:
    return _questioned(asked.guard, asked.metric, asked.pairs)


def _questioned(guard: Guard, metric: Metric, pairs: Sequence[Pair]) -> noninferiority.Assessed:
    ours, theirs = [pair.subject for pair in pairs], [pair.baseline for pair in pairs]
    clusters = [pair.case.group for pair in pairs]
    if guard.margin is not None:
        span = 1.0 if metric.kind == "share" else None
        margin = noninferiority.Margin(guard.margin, metric.higher_is_better, span)
        return noninferiority.assess(margin, ours, theirs, clusters=clusters)
    if guard.ratio is None:
        raise InputError(f"the guard of {guard.metric} has neither a margin nor a ratio")
    _not_negative(metric, pairs)
    if guard.quantile is not None:
        quantile = noninferiority.QuantileRatio(guard.ratio, guard.quantile)
        return noninferiority.assess(quantile, ours, theirs, clusters=clusters)
    if metric.higher_is_better:  # not below baseline / ratio: the baseline is not above ratio times the subject
        ours, theirs = theirs, ours
    return noninferiority.assess(noninferiority.MeanRatio(guard.ratio), ours, theirs, clusters=clusters)


def _not_negative(metric: Metric, pairs: Sequence[Pair]) -> None:
    for pair in pairs:
        least = min(pair.subject, pair.baseline)
        if least < 0:
            raise InputError(
                f"case {pair.case.id}: {metric.name} is {least:g}, and a ratio needs values that are not negative; "
                f"guard {metric.name} by a margin, or mend what measures it and evaluate again"
            )


def _worded(asked: Asked, found: noninferiority.Guarded, *, seems_fine: bool) -> Verdict:
    guard, metric, effect = asked.guard, asked.metric, found.effect
    if guard.margin is not None:
        form = "+.3f" if metric.kind == "share" else "+.4g"
        bound = f"{metric.name} {_told(effect, form)}, margin {guard.margin:g}"
    else:
        name = f"{metric.name} p{guard.quantile * 100:.0f}" if guard.quantile else metric.name
        bound = f"{name} × {_told(effect, '.2f')}, ratio {guard.ratio:g}"
    match found.verdict:
        case noninferiority.Pass():
            return Pass(f"not worse than allowed: {bound}{_even_if(asked)}")
        case noninferiority.Fail():
            return Fail(f"worse than allowed: {bound}")
        case noninferiority.Inconclusive(needs=needs):
            if asked.lost and (seems_fine or asked.lost.more_than(LOST)):
                why = f"{metric.name}: {asked.lost}, and what is missing may be what is worse; {_MEND} ({bound})"
                return Inconclusive(why, None)
            return Inconclusive(f"not shown either way: {bound}", needs)


def _even_if(asked: Asked) -> str:
    if asked.lost is None or asked.metric.kind != "share":
        return ""
    return f", even if the {asked.lost.cases:.3g} cases without a score were as bad as can be"


def _told(effect: Estimate, form: str) -> str:
    told = f"{effect.value:{form}} [{effect.low:{form}}, {effect.high:{form}}]"
    return told.replace("-", "−").replace("inf", "∞")
