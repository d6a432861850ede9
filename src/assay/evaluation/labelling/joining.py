"""Labels joined to a run: what people said of its answers, beside what the judge says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from assay.digest import Digest
from assay.evaluation.labelling.drawing import drawn
from assay.evaluation.labelling.population import Unit, judged_metrics, scorer_of, units
from assay.evaluation.records import Checked, PersonLabel, Run
from assay.stores.labelled import Draw, Label


def labelled(run: Run, labels: Sequence[Label], draws: Mapping[str, Sequence[Draw]]) -> Run:
    """The run with people's labels of its answers; ``draws`` are by metric.

    A case that was drawn and whose answer here has no label is told too: its label of an earlier answer says
    nothing about this one. Labels of other answers that the same scorer judged are kept as ``checked``, as far as
    both verdicts are yes or no and the answer was not chosen for what the judge said.
    """
    found: list[PersonLabel] = []
    checked: list[Checked] = []
    for metric in judged_metrics(run):
        own = [label for label in labels if label.metric == metric]
        population = units(run, metric)
        if own and population:
            found += _joined(population, metric, own, draws.get(metric, ()))
            checked += _checked(run, metric, own)
    return replace(run, labels=tuple(found), checked=tuple(checked))


def ratings(labels: Sequence[Label]) -> dict[Digest, dict[str, float | None]]:
    """Each item's values by rater, in the order in which they were given."""
    found: dict[Digest, dict[str, float | None]] = {}
    for label in labels:
        found.setdefault(label.item, {})[label.rater] = label.value
    return found


def people(run: Run, metric: str) -> dict[str, float]:
    """By case id the mean of what people said of its answers, for the cases of which somebody could tell."""
    values: dict[str, list[float]] = {}
    for label in run.labels:
        if label.metric == metric and label.value is not None:
            values.setdefault(label.case, []).append(label.value)
    return {case: sum(each) / len(each) for case, each in values.items()}


def _joined(
    population: Sequence[Unit], metric: str, labels: Sequence[Label], draws: Sequence[Draw]
) -> list[PersonLabel]:
    so_far, said = drawn(population, labels, draws), ratings(labels)
    found = []
    for unit in population:
        if unit.digest not in so_far.reached:
            continue
        chance = None if so_far.equal else min(1.0, so_far.chances[unit.digest])
        own = [(result.repeat, said.get(item, {})) for result, item in zip(unit.results, unit.items, strict=True)]
        for repeat, given in [each for each in own if each[1]] or own[:1]:
            found.append(PersonLabel(metric, unit.case.id, repeat, given, chance))
    return found


def _checked(run: Run, metric: str, labels: Sequence[Label]) -> list[Checked]:
    scorer = scorer_of(run, metric).identity
    pairs: dict[Digest, list[tuple[float, float]]] = {}
    for label in labels:
        if label.scorer == scorer and label.probability is None and label.judged in (0, 1) and label.value is not None:
            pairs.setdefault(label.item, []).append((label.judged, label.value))
    means = [(given[0][0], sum(value for _, value in given) / len(given)) for given in pairs.values()]
    return [Checked(metric, said, value) for said, value in means if value in (0, 1)]
