"""A judge held against people: how far it agrees with them, where it errs, and what its rate is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from assay.errors import InputError
from assay.evaluation.judges.bias import Judged, length_slope
from assay.evaluation.labelling.agreement import LEVELS, Agreement
from assay.evaluation.labelling.correction import Labelled, correct, sampled
from assay.evaluation.labelling.planning import Next
from assay.evaluation.labelling.population import metric_of, scorer_of, units
from assay.evaluation.labelling.probing import Probed
from assay.evaluation.records import Run
from assay.evaluation.reporting.summary import summarise
from assay.evaluation.samples import Answered
from assay.evaluation.scoring import Metric
from assay.scores import Estimate, Scored, Unscored
from assay.statistics.agreement import Confusion, cohen_kappa, confusion, krippendorff_alpha
from assay.statistics.calibration import Bin, calibration_error, reliability
from assay.statistics.correction import ppi_weighted

HALF = 0.5
"""From here on a value is a yes."""


@dataclass(frozen=True, slots=True)
class AgainstPeople:
    """A judge's scores beside people's labels of the same cases, both taken as yes from 0.5 on.

    ``accuracy`` is weighed back to all cases where labels were proposed (``weighted``); the others are those of
    the labelled cases. ``alpha`` compares the values themselves, with people's mean as one rater. ``error`` is the
    expected calibration error of the judge's score as the probability that people say yes.
    """

    cases: int
    accuracy: Estimate | Unscored
    kappa: Estimate | Unscored
    alpha: Estimate | Unscored
    sensitivity: Estimate | Unscored
    specificity: Estimate | Unscored
    confusion: Confusion
    error: Estimate | Unscored
    bins: tuple[Bin, ...]
    weighted: bool


@dataclass(frozen=True, slots=True)
class JudgeReport:
    """All that is known of a judge on one metric of one run. ``bare`` is the rate as the judge gives it;
    ``notices`` are what a person should know before reading on."""

    metric: Metric
    run: str
    judge: str
    cases: int
    people: AgainstPeople | Unscored
    agreement: Agreement
    bare: Estimate | None
    corrected: Estimate | Unscored
    cannot_tell: int
    length: Estimate | Unscored
    probed: Probed | None = None
    next: Next | None = None
    notices: tuple[str, ...] = field(default=())


def judge_report(
    run: Run,
    metric: str,
    agreement: Agreement,
    *,
    probed: Probed | None = None,
    next: Next | None = None,
    notices: Sequence[str] = (),
) -> JudgeReport:
    """The report of one metric of a run that holds people's labels. Raises InputError for an unknown metric."""
    found, shown = sampled(run, metric), summarise(run).metric(metric)
    told = list(notices)
    if found.missing:
        told.append(f"{found.missing} drawn cases have an answer here that nobody has labelled; they are shown first")
    return JudgeReport(
        metric_of(run, metric),
        run.id,
        scorer_of(run, metric).identity,
        len(found.labelled) + len(found.others),
        against_people(found.labelled, len(found.labelled) + len(found.others)),
        agreement,
        None if shown is None else shown.estimate,
        correct(run, metric),
        found.cannot_tell,
        _length(run, metric, found.labelled),
        probed,
        next,
        tuple(told),
    )


def against_people(labelled: Sequence[Labelled], cases: int) -> AgainstPeople | Unscored:
    """The judge against people on the cases that have a label, of ``cases`` in all."""
    if not labelled:
        return Unscored("there are no labels of these answers")
    said, judge = [each.people >= HALF for each in labelled], [each.same >= HALF for each in labelled]
    counts = confusion(said, judge)
    weighted = any(each.probability is not None for each in labelled)
    values = {value for each in labelled for value in (each.people, each.same)}
    both = [{"people": each.people, "judge": each.same} for each in labelled]
    inside = all(0 <= each.same <= 1 for each in labelled)
    return AgainstPeople(
        len(labelled),
        _weighed(labelled, said, judge, cases) if weighted else counts.accuracy,
        cohen_kappa(said, judge),
        krippendorff_alpha(both, level=LEVELS[values <= {0, 1}]),
        counts.sensitivity,
        counts.specificity,
        counts,
        calibration_error([each.same for each in labelled], said) if inside else Unscored("scores outside 0 to 1"),
        reliability([each.same for each in labelled], said, bins=5) if inside else (),
        weighted,
    )


def _weighed(
    labelled: Sequence[Labelled], said: Sequence[bool], judge: Sequence[bool], cases: int
) -> Estimate | Unscored:
    """The share of all cases on which both agree, from cases drawn with unequal probability."""
    if len(labelled) < 3:
        return Unscored("fewer than 3 labels")
    right = {at: float(a == b) for at, (a, b) in enumerate(zip(said, judge, strict=True))}
    chances = [each.probability or 1.0 for each in labelled] + [1.0] * (cases - len(labelled))
    found = ppi_weighted(right, [0.0] * cases, chances)
    return Estimate(found.value, found.low, found.high, found.n, 0, "weighed by inverse probability")


def _length(run: Run, metric: str, labelled: Sequence[Labelled]) -> Estimate | Unscored:
    """The slope over all cases, or over the labelled ones with the label held fixed where there are enough."""
    said = {each.case: each.people for each in labelled} if len(labelled) >= 10 else {}
    judged = []
    for unit in units(run, metric):
        texts = [result.outcome.text for result in unit.results if isinstance(result.outcome, Answered)]
        words = sum(len(text.split()) for text in texts) // max(1, len(texts))
        judged.append(Judged(Scored(unit.judged), words, said.get(unit.case.id)))
    try:
        return length_slope(judged)
    except InputError as error:
        return Unscored(str(error))
