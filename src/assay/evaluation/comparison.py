"""Two runs on the same cases, paired: differences with intervals, guards, slices, flips, one verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from assay.evaluation.flips import flips
from assay.evaluation.gate import decide
from assay.evaluation.labelling.correction import corrected_differences, estimates
from assay.evaluation.pairs import Pair, paired, shared
from assay.evaluation.records import Run
from assay.evaluation.scoring import Metric
from assay.evaluation.slices import with_slices
from assay.evaluation.verdicts import Compared, Comparison, Decided, Guard
from assay.scores import Estimate
from assay.statistics import paired as differences
from assay.statistics.means import mean
from assay.statistics.multiplicity import holm


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
    cases = shared(subject, baseline)
    measured = _identities(baseline)
    metrics = [metric for metric in subject.metrics if metric.name in measured]
    otherwise = {name for name, identity in _identities(subject).items() if measured.get(name, identity) != identity}
    pairs = {metric.name: [] if metric.name in otherwise else paired(metric, cases) for metric in metrics}
    compared = [_compared(metric, pairs[metric.name], len(cases)) for metric in metrics]
    compared = with_slices(_adjusted(compared), pairs)
    same = (subject.subject, subject.state) == (baseline.subject, baseline.state)
    known = {metric.name: metric for metric in metrics}
    decided, verdict = decide(guards, known, pairs, cases, alpha, same=same, otherwise=otherwise)
    if corrected is None:
        corrected = estimates(corrected_differences(subject, baseline))
    compared = [_shown(one, decided, corrected) for one in compared]
    turned = [flip for metric in metrics if metric.kind == "share" for flip in flips(metric, pairs[metric.name])]
    return Comparison(
        subject.label, baseline.label, len(cases), alpha, tuple(compared), verdict, tuple(turned), decided
    )


def _identities(run: Run) -> dict[str, str]:
    """By metric what it was measured with: scores of two scorers are two quantities, whatever their name."""
    return {metric.name: scorer.identity for scorer in run.scorers for metric in scorer.metrics}


def _compared(metric: Metric, pairs: Sequence[Pair], cases: int) -> Compared:
    missing = cases - len(pairs)
    if not pairs:
        none = Estimate(0.0, float("-inf"), float("inf"), 0, missing, "no case has a score on both sides")
        return Compared(metric, none, none, none, None, None, None)
    clusters = [pair.case.group for pair in pairs]
    within, span = ((0.0, 1.0), 1.0) if metric.kind == "share" else (None, None)
    ours, theirs = [pair.subject for pair in pairs], [pair.baseline for pair in pairs]
    found = differences.compare(ours, theirs, clusters=clusters, span=span, unscored=missing)
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


def _shown(one: Compared, guards: Sequence[Decided], corrected: Mapping[str, Estimate]) -> Compared:
    """With its first guard and what people's labels say."""
    mine = next((each for each in guards if each.guard.metric == one.metric.name), None)
    one = replace(one, corrected=corrected.get(one.metric.name))
    if mine is None:
        return one
    ratio = mine.effect if mine.guard.ratio is not None else None
    return replace(one, guard=mine.guard, verdict=mine.verdict, ratio=ratio)
