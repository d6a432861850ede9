"""A run's judged rates, corrected by the labels that the run holds. Computed from the run alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assay.evaluation.labelling.population import Unit, judged, judged_metrics, units
from assay.evaluation.records import PersonLabel, Run
from assay.scores import Estimate, Unscored
from assay.statistics.correction import ppi, ppi_weighted, rogan_gladen
from assay.statistics.means import mean

LEAST = 10
"""Labels that a correction needs: with fewer its interval would be a guess."""
GAPS = 0.1
"""A larger share of drawn cases without a label forbids a correction: what is missing may be what differs."""
_Z = 1.959964


@dataclass(frozen=True, slots=True)
class Labelled:
    """A case that people labelled: what they say, what the judge says of the same answers and of all answers to
    the case, the chance of being drawn (None: all alike), and what the case shares with others."""

    case: str
    people: float
    same: float
    judged: float
    probability: float | None
    group: str


@dataclass(frozen=True, slots=True)
class Sampled:
    """A metric's cases: those with a label, the judge's values of the others, and counts of what is missing."""

    labelled: tuple[Labelled, ...]
    others: tuple[tuple[float, str], ...]
    cannot_tell: int
    missing: int

    @property
    def equal(self) -> bool:
        return all(each.probability is None for each in self.labelled)


def corrected(run: Run) -> dict[str, Estimate | Unscored]:
    """By metric the mean of what people would say of all cases, for each judged metric that has labels.

    PPI++ over the labelled and the other cases, clustered by what cases share; weighed by the inverse of their
    probability where labels were proposed (then cases count as independent). Where there are too few labels of
    this run's answers, Rogan and Gladen's estimate from those that people checked elsewhere, if every verdict
    is yes or no. Otherwise Unscored says what is missing.
    """
    named = {label.metric for label in run.labels} | {checked.metric for checked in run.checked}
    return {name: correct(run, name) for name in judged_metrics(run) if name in named}


def correct(run: Run, metric: str) -> Estimate | Unscored:
    """The corrected value of one metric; see ``corrected``."""
    found = sampled(run, metric)
    lacking = _lacking(found)
    if lacking is None:
        return _ppi(found.labelled, found.others, found.cannot_tell)
    elsewhere = _rogan_gladen(run, metric)
    return elsewhere if isinstance(elsewhere, Estimate) else lacking


def sampled(run: Run, metric: str) -> Sampled:
    """The metric's cases with what people said of them."""
    by_case: dict[str, list[PersonLabel]] = {}
    for label in run.labels:
        if label.metric == metric:
            by_case.setdefault(label.case, []).append(label)
    labelled: list[Labelled] = []
    others: list[tuple[float, str]] = []
    cannot_tell = missing = 0
    for unit in units(run, metric):
        found = _labelled(unit, metric, by_case.get(unit.case.id, ()))
        if found is not None:
            labelled.append(found)
            continue
        others.append((unit.judged, unit.case.group))
        drawn = by_case.get(unit.case.id, ())
        cannot_tell += any(label.ratings for label in drawn)
        missing += bool(drawn) and not any(label.ratings for label in drawn)
    return Sampled(tuple(labelled), tuple(others), cannot_tell, missing)


def corrected_differences(run: Run, baseline: Run) -> dict[str, Estimate | Unscored]:
    """By metric the difference run less baseline, corrected, for each judged metric with labels on both sides.

    Cases whose answers are the same on both sides differ by nothing, and need no label. The others are
    corrected from the cases that have a label on both sides, and count for their share of all.
    """
    sides = [{label.metric for label in each.labels} for each in (run, baseline)]
    names = [name for name in judged_metrics(run) if name in judged_metrics(baseline)]
    return {name: _difference(run, baseline, name) for name in names if all(name in side for side in sides)}


def estimates(found: Mapping[str, Estimate | Unscored]) -> dict[str, Estimate]:
    """Those that there are."""
    return {name: each for name, each in found.items() if isinstance(each, Estimate)}


def reasons(found: Mapping[str, Estimate | Unscored]) -> list[str]:
    """Why each of the others is none, as sentences for people."""
    return [f"{name} is not corrected: {each.reason}" for name, each in found.items() if isinstance(each, Unscored)]


def _labelled(unit: Unit, metric: str, labels: Sequence[PersonLabel]) -> Labelled | None:
    known = [(label, label.value) for label in labels if label.value is not None]
    if not known:
        return None
    repeats = {label.repeat for label, _ in known}
    same = [judged(result, metric) for result in unit.results if result.repeat in repeats]
    values = [value for _, value in known]
    return Labelled(
        unit.case.id,
        sum(values) / len(values),
        sum(same) / len(same) if same else unit.judged,
        unit.judged,
        known[0][0].probability,
        unit.case.group,
    )


def _lacking(found: Sampled, what: str = "label") -> Unscored | None:
    have, drawn = len(found.labelled), len(found.labelled) + found.cannot_tell + found.missing
    if found.missing > GAPS * drawn:
        # Said first: these are shown first too, and more labels of others would not help.
        return Unscored(
            f"{found.missing} of {drawn} drawn cases have an answer here that nobody has labelled; "
            "label those, they are shown first"
        )
    if have < LEAST:
        many = "no label" if not have else f"{have} {what}{'s' * (have != 1)}"
        return Unscored(f"{many} so far; label {LEAST - have} more")
    return None


def _ppi(
    labelled: Sequence[Labelled],
    others: Sequence[tuple[float, str]],
    cannot_tell: int,
    within: tuple[float, float] = (0.0, 1.0),
) -> Estimate:
    people, same = [each.people for each in labelled], [each.same for each in labelled]
    if any(each.probability is not None for each in labelled):
        verdicts = [each.judged for each in labelled] + [value for value, _ in others]
        chances = [each.probability or 1.0 for each in labelled] + [1.0] * len(others)
        return ppi_weighted(dict(enumerate(people)), verdicts, chances, within=within, unscored=cannot_tell)
    groups, rest = [each.group for each in labelled], [group for _, group in others]
    alone = len(set(groups + rest)) == len(groups) + len(rest)
    if not others:
        return mean(people, clusters=None if alone else groups, within=within, unscored=cannot_tell)
    return ppi(
        people,
        same,
        [value for value, _ in others],
        clusters=None if alone else groups,
        unlabelled_clusters=None if alone else rest,
        within=within,
        unscored=cannot_tell,
    )


def _rogan_gladen(run: Run, metric: str) -> Estimate | Unscored:
    checked = [each for each in run.checked if each.metric == metric]
    verdicts = [judged(result, metric) for unit in units(run, metric) for result in unit.results]
    if len(checked) < LEAST or not verdicts or not set(verdicts) <= {0.0, 1.0}:
        return Unscored("too few checked verdicts, or verdicts that are not yes or no")
    yes, no = [each for each in checked if each.value == 1], [each for each in checked if each.value == 0]
    return rogan_gladen(
        int(sum(verdicts)),
        len(verdicts),
        sensitivity=(sum(each.judged == 1 for each in yes), len(yes)),
        specificity=(sum(each.judged == 0 for each in no), len(no)),
    )


def _difference(run: Run, baseline: Run, metric: str) -> Estimate | Unscored:
    after, before = ({unit.case.id: unit for unit in units(each, metric)} for each in (run, baseline))
    shared = [id for id in after if id in before and after[id].digest == before[id].digest]
    changed = [id for id in shared if after[id].items != before[id].items]
    if not changed:
        return Unscored("every answer is the same on both sides")
    ours, theirs = ({each.case: each for each in sampled(each_run, metric).labelled} for each_run in (run, baseline))
    drawn = {label.case for each in (run, baseline) for label in each.labels if label.metric == metric}
    refused = {
        label.case
        for each in (run, baseline)
        for label in each.labels
        if label.metric == metric and label.ratings and label.value is None
    }
    labelled: list[Labelled] = []
    others: list[tuple[float, str]] = []
    for id in changed:
        step = after[id].judged - before[id].judged
        if id in ours and id in theirs:
            labelled.append(_pair(ours[id], theirs[id], step))
        else:
            others.append((step, after[id].case.group))
    gaps = [id for id in changed if id in drawn and not (id in ours and id in theirs)]
    cannot_tell = sum(id in refused for id in gaps)
    lacking = _lacking(Sampled(tuple(labelled), tuple(others), cannot_tell, len(gaps) - cannot_tell), "pair")
    return lacking or _spread(_ppi(labelled, others, cannot_tell, (-1.0, 1.0)), len(changed), len(shared))


def _pair(ours: Labelled, theirs: Labelled, step: float) -> Labelled:
    known = [each.probability for each in (ours, theirs) if each.probability is not None]
    chance = min(known) if known else None
    return Labelled(ours.case, ours.people - theirs.people, ours.same - theirs.same, step, chance, ours.group)


def _spread(found: Estimate, changed: int, shared: int) -> Estimate:
    """The mean over all cases where only ``changed`` of them differ: the share's own chance is added."""
    if changed == shared:
        return found
    share = changed / shared
    own = _Z * abs(found.value) * math.sqrt(share * (1 - share) / shared)
    low = math.hypot(share * (found.value - found.low), own)
    high = math.hypot(share * (found.high - found.value), own)
    value = share * found.value
    method = f"{found.method}; {shared - changed:,} of {shared:,} cases have the same answer on both sides"
    return Estimate(value, max(-1.0, value - low), min(1.0, value + high), found.n, found.unscored, method)
