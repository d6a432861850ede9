"""Two runs on the same cases, paired: differences with intervals, guards, slices, flips, one verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from assay.errors import InputError
from assay.evaluation.cases import Case
from assay.evaluation.labelling.correction import corrected_differences, estimates
from assay.evaluation.records import Result, Run
from assay.evaluation.samples import Answered
from assay.evaluation.scoring import Metric
from assay.evaluation.verdicts import (
    Compared,
    Comparison,
    Decided,
    Fail,
    Flip,
    Guard,
    Inconclusive,
    Pass,
    Slice,
    Verdict,
)
from assay.scores import Estimate, Scored, Unscored
from assay.statistics import noninferiority as gate
from assay.statistics.contrast import contrast
from assay.statistics.means import mean
from assay.statistics.multiplicity import holm, simultaneous
from assay.statistics.paired import compare as paired
from assay.statistics.paired import estimate

LOST = 0.1
"""A guard says nothing if the subject has no score for more than this share of the cases that the baseline has
one for, a case with repeats counted by their share: what is missing may be what is worse."""
LEAST_IN_SLICE = 5
_FLIP = 0.25


@dataclass(frozen=True, slots=True)
class Pair:
    """A case with a metric's values of both sides; repeats are averaged."""

    case: Case
    subject: float
    baseline: float
    results: tuple[Result, Result]


def compare(
    subject: Run,
    baseline: Run,
    guards: Sequence[Guard] = (),
    *,
    alpha: float = 0.05,
    corrected: Mapping[str, Estimate] | None = None,
) -> Comparison:
    """Compare two runs over the cases that both hold unchanged.

    ``corrected`` are differences by metric, corrected by people's labels; they are shown beside the judge's. None
    computes them from the labels that the runs hold.
    Raises InputError where no case is in both.
    """
    before, after = baseline.by_case(), subject.by_case()
    shared = [
        (after[id], before[id])
        for id in after
        if id in before and after[id][0].case.digest == before[id][0].case.digest
    ]
    if not shared:
        raise InputError("the two runs have no case in common; run both on the same dataset")
    measured = _identities(baseline)
    metrics = [metric for metric in subject.metrics if metric.name in measured]
    otherwise = {name for name, identity in _identities(subject).items() if measured.get(name, identity) != identity}
    pairs = {metric.name: [] if metric.name in otherwise else _pairs(metric, shared) for metric in metrics}
    compared = [_compared(metric, pairs[metric.name], shared) for metric in metrics]
    compared = _sliced(_adjusted(compared), pairs)
    same = (subject.subject, subject.state) == (baseline.subject, baseline.state)
    decided, verdict = _guarded(compared, guards, pairs, shared, alpha, same=same, otherwise=otherwise)
    if corrected is None:
        corrected = estimates(corrected_differences(subject, baseline))
    compared = [_shown(one, decided, corrected) for one in compared]
    flips = [flip for metric in metrics if metric.kind == "share" for flip in _flips(metric, pairs[metric.name])]
    return Comparison(
        subject.label, baseline.label, len(shared), alpha, tuple(compared), verdict, tuple(flips), decided
    )


def _identities(run: Run) -> dict[str, str]:
    """By metric what it was measured with: scores of two scorers are two quantities, whatever their name."""
    return {metric.name: scorer.identity for scorer in run.scorers for metric in scorer.metrics}


def value(results: Sequence[Result], metric: str) -> float | None:
    """A case's value: the mean of the repeats that have a score, None if none has."""
    values = [score.value for result in results if isinstance(score := result.score(metric), Scored)]
    return sum(values) / len(values) if values else None


def _pairs(metric: Metric, shared: Sequence[tuple[tuple[Result, ...], tuple[Result, ...]]]) -> list[Pair]:
    found = []
    for ours, theirs in shared:
        first, second = value(ours, metric.name), value(theirs, metric.name)
        if first is not None and second is not None:
            found.append(Pair(ours[0].case, first, second, (ours[0], theirs[0])))
    return found


def _compared(metric: Metric, pairs: Sequence[Pair], shared: Sequence[object]) -> Compared:
    missing = len(shared) - len(pairs)
    if not pairs:
        none = Estimate(0.0, float("-inf"), float("inf"), 0, missing, "no case has a score on both sides")
        return Compared(metric, none, none, none, None, None, None)
    clusters = [pair.case.group for pair in pairs]
    within, span = ((0.0, 1.0), 1.0) if metric.kind == "share" else (None, None)
    ours, theirs = [pair.subject for pair in pairs], [pair.baseline for pair in pairs]
    found = paired(ours, theirs, clusters=clusters, span=span, unscored=missing)
    return Compared(
        metric,
        mean(ours, clusters=clusters, within=within, unscored=missing),
        mean(theirs, clusters=clusters, within=within, unscored=missing),
        found.difference,
        found.p_value,
        None,
        found.detectable,
    )


def _adjusted(compared: Sequence[Compared]) -> list[Compared]:
    tested = [each for each in compared if each.p is not None]
    adjusted = holm([each.p for each in tested if each.p is not None])
    by_name = dict(zip([each.metric.name for each in tested], adjusted, strict=True))
    return [replace(each, p_adjusted=by_name.get(each.metric.name)) for each in compared]


def _sliced(compared: Sequence[Compared], pairs: Mapping[str, Sequence[Pair]]) -> list[Compared]:
    """With the slices that regressed, at a level that holds over all slices and metrics together."""
    slices: dict[str, dict[tuple[str, str], list[Pair]]] = {}
    for metric, found in pairs.items():
        for pair in found:
            for tag in pair.case.tags.items():
                slices.setdefault(metric, {}).setdefault(tag, []).append(pair)
    large = {
        metric: {tag: found for tag, found in tags.items() if LEAST_IN_SLICE <= len(found) < len(pairs[metric])}
        for metric, tags in slices.items()
    }
    level = simultaneous(0.95, max(1, sum(map(len, large.values()))))
    return [replace(each, slices=_regressed(each.metric, large.get(each.metric.name, {}), level)) for each in compared]


def _regressed(metric: Metric, slices: Mapping[tuple[str, str], Sequence[Pair]], level: float) -> tuple[Slice, ...]:
    found = []
    for (tag, name), pairs in sorted(slices.items()):
        of = contrast(
            [pair.subject - pair.baseline for pair in pairs],
            clusters=[pair.case.group for pair in pairs],
            span=1.0 if metric.kind == "share" else None,
        )
        difference = estimate(of, confidence=level)
        worse = difference.high < 0 if metric.higher_is_better else difference.low > 0
        if worse:
            found.append(Slice(tag, name, difference))
    return tuple(found)


def _guarded(
    compared: Sequence[Compared],
    guards: Sequence[Guard],
    pairs: Mapping[str, Sequence[Pair]],
    shared: Sequence[tuple[tuple[Result, ...], tuple[Result, ...]]],
    alpha: float,
    *,
    same: bool,
    otherwise: AbstractSet[str],
) -> tuple[tuple[Decided, ...], Verdict | None]:
    if not guards:
        return (), None
    metrics = {each.metric.name: each.metric for each in compared}
    assessed: dict[Guard, gate.Assessed] = {}
    decided: dict[Guard, Decided] = {}
    for guard in guards:
        found, lost = pairs.get(guard.metric, ()), _lost(guard.metric, shared)
        if guard.metric in otherwise:
            lost = "the two runs measured it by different judges, or versions of the scorer"
        if not found:
            lost = lost or "no case has a score on both sides"
        if lost:
            decided[guard] = Decided(guard, Inconclusive(f"{guard.metric}: {lost}", None), None)
        elif same and all(pair.subject == pair.baseline for pair in found):
            decided[guard] = Decided(guard, Pass(f"{guard.metric}: the same release with the same answers"), None)
        else:
            assessed[guard] = _assess(guard, metrics[guard.metric], found)
    if assessed:
        verdicts = gate.decide({str(number): one for number, one in enumerate(assessed.values())}, alpha=alpha)
        for guard, one in zip(assessed, verdicts.guards.values(), strict=True):
            decided[guard] = Decided(guard, _worded(guard, metrics[guard.metric], one), one.effect)
    in_order = tuple(decided[guard] for guard in guards)
    return in_order, _overall([each.verdict for each in in_order])


def _shown(one: Compared, guards: Sequence[Decided], corrected: Mapping[str, Estimate]) -> Compared:
    """With its first guard and what people's labels say."""
    mine = next((each for each in guards if each.guard.metric == one.metric.name), None)
    one = replace(one, corrected=corrected.get(one.metric.name))
    if mine is None:
        return one
    ratio = mine.effect if mine.guard.ratio is not None else None
    return replace(one, guard=mine.guard, verdict=mine.verdict, ratio=ratio)


def _lost(metric: str, shared: Sequence[tuple[tuple[Result, ...], tuple[Result, ...]]]) -> str:
    """Why the subject's missing scores forbid a verdict; empty if they do not."""
    had = [(ours, theirs) for ours, theirs in shared if value(theirs, metric) is not None]
    lost = sum(max(0.0, 1 - _share_scored(ours, metric) / _share_scored(theirs, metric)) for ours, theirs in had)
    if lost <= LOST * len(had) + 1e-9:
        return ""
    reasons = Counter(
        score.reason for ours, _ in had for result in ours if isinstance(score := result.score(metric), Unscored)
    )
    most = reasons.most_common(1)[0][0]
    return f"{lost:.3g} of {len(had)} cases that the baseline has a score for have none (mostly: {most})"


def _share_scored(results: Sequence[Result], metric: str) -> float:
    return sum(isinstance(result.score(metric), Scored) for result in results) / len(results)


def _assess(guard: Guard, metric: Metric, pairs: Sequence[Pair]) -> gate.Assessed:
    ours, theirs = [pair.subject for pair in pairs], [pair.baseline for pair in pairs]
    clusters = [pair.case.group for pair in pairs]
    if guard.margin is not None:
        span = 1.0 if metric.kind == "share" else None
        margin = gate.Margin(guard.margin, metric.higher_is_better, span)
        return gate.assess(margin, ours, theirs, clusters=clusters)
    if guard.ratio is None:
        raise InputError(f"the guard of {guard.metric} has neither a margin nor a ratio")
    if guard.quantile is not None:
        return gate.assess(gate.QuantileRatio(guard.ratio, guard.quantile), ours, theirs, clusters=clusters)
    if metric.higher_is_better:  # not below baseline / ratio: the baseline is not above ratio times the subject
        ours, theirs = theirs, ours
    return gate.assess(gate.MeanRatio(guard.ratio), ours, theirs, clusters=clusters)


def _worded(guard: Guard, metric: Metric, found: gate.Guarded) -> Verdict:
    effect = found.effect
    if guard.margin is not None:
        form = "+.3f" if metric.kind == "share" else "+.4g"
        bound = f"{metric.name} {_told(effect, form)}, margin {guard.margin:g}"
    else:
        name = f"{metric.name} p{guard.quantile * 100:.0f}" if guard.quantile else metric.name
        bound = f"{name} × {_told(effect, '.2f')}, ratio {guard.ratio:g}"
    match found.verdict:
        case gate.Pass():
            return Pass(f"not worse than allowed: {bound}")
        case gate.Fail():
            return Fail(f"worse than allowed: {bound}")
        case gate.Inconclusive(needs=needs):
            return Inconclusive(f"not shown either way: {bound}", needs)


def _told(effect: Estimate, form: str) -> str:
    told = f"{effect.value:{form}} [{effect.low:{form}}, {effect.high:{form}}]"
    return told.replace("-", "−").replace("inf", "∞")


def _overall(verdicts: Sequence[Verdict]) -> Verdict:
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


def _flips(metric: Metric, pairs: Sequence[Pair]) -> list[Flip]:
    """Cases that stand on the other side of one half than before, by a clear step; the worst first."""
    sign = 1 if metric.higher_is_better else -1
    found = [
        pair
        for pair in pairs
        if (pair.subject >= 0.5) != (pair.baseline >= 0.5) and abs(pair.subject - pair.baseline) >= _FLIP
    ]
    found.sort(key=lambda pair: (sign * (pair.subject - pair.baseline), pair.case.id))
    return [
        Flip(
            pair.case.id,
            pair.case.question,
            metric.name,
            pair.baseline,
            pair.subject,
            _trace(pair.results[1]),
            _trace(pair.results[0]),
        )
        for pair in found
    ]


def _trace(result: Result) -> str | None:
    return result.outcome.trace if isinstance(result.outcome, Answered) else None
