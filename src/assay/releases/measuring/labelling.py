"""People's labels of an application's runs, and its judges held against them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from assay.digest import digest
from assay.evaluation.artifacts import experiments
from assay.evaluation.judging import Judge
from assay.evaluation.labelling.agreement import agreement
from assay.evaluation.labelling.book import LabelBook
from assay.evaluation.labelling.content import sample_of
from assay.evaluation.labelling.correction import correct
from assay.evaluation.labelling.drawing import drawn
from assay.evaluation.labelling.joining import people
from assay.evaluation.labelling.planning import Next, next_cases
from assay.evaluation.labelling.population import Unit, scorer_of, units
from assay.evaluation.labelling.probing import Probed, Then, TwoAnswers, probe, scored
from assay.evaluation.labelling.report import JudgeReport
from assay.evaluation.labelling.report import judge_report as reported
from assay.evaluation.records import Run, ScorerUsed
from assay.evaluation.running.limiter import Limiter
from assay.evaluation.samples import Answered, Sample
from assay.evaluation.scorers.opening import open_scorers
from assay.evaluation.scoring import Scorer, Spent
from assay.releases import parts
from assay.releases.checks import OFFLINE
from assay.releases.measuring.bench import bench
from assay.releases.measuring.evaluating import RUNS, with_labels
from assay.releases.project import Project
from assay.stores.labelled import Label
from assay.stores.labels import LabelStore
from assay.stores.verdicts import VerdictStore

FREE = 50
"""How many answers a judge that costs nothing is asked about again, where nobody says."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a judge's report is to tell. ``judge`` None is the one that judged the run, as the file names it;
    another one judges the run anew. ``sample`` answers are asked about again, ``repeats`` times each; None asks a
    judge without cost about FREE, and no other. ``next`` is how many cases to propose, 0 for none."""

    metric: str
    judge: str | None = None
    repeats: int = 3
    sample: int | None = None
    next: int = 10
    seed: int = 0


@contextmanager
def opened_labels(project: Project) -> Iterator[LabelStore]:
    """The application's labels. Raises StoreError."""
    database = parts.database(project)
    try:
        yield LabelStore(database)
    finally:
        database.close()


def load_run(project: Project, id: str) -> Run:
    """A kept run, with no labels yet. Raises NotFound, InputError."""
    return replace(experiments.load(project.state / RUNS, id), labels=(), checked=())


async def judge_report(project: Project, run: Run, asked: Asked) -> JudgeReport:
    """A judge held against people. Raises InputError, ModelError, ConfigError, StoreError."""
    name = asked.judge or project.manifest.evaluation.judge
    database = parts.database(project)
    try:
        store = LabelStore(database)
        judge = bench(project.file.path, verdicts=VerdictStore(database)).open(name)
        run, notices = await _judged_by(judge, run, asked)
        labels = store.labels(asked.metric)
        run = with_labels(run, store)
        probed = await _probed(project, name, judge, run, labels, store, asked)
        told = _next(run, asked, labels, store)
        return reported(run, asked.metric, agreement(asked.metric, labels), probed=probed, next=told, notices=notices)
    finally:
        database.close()


def proposed(project: Project, run: Run, metric: str, count: int) -> Next:
    """The cases that `assay label --propose` would show next, and what they would bring. Keeps nothing."""
    with opened_labels(project) as store:
        told = _next(with_labels(run, store), Asked(metric, next=count), store.labels(metric), store)
        assert told is not None
        return told


def _next(run: Run, asked: Asked, labels: Sequence[Label], store: LabelStore) -> Next | None:
    if asked.next < 1:
        return None
    draw = LabelBook(store, run, asked.metric, "").proposal(asked.next)
    population, said = units(run, asked.metric), people(run, asked.metric)
    by_case = {unit.digest: said[unit.case.id] for unit in population if unit.case.id in said}
    so_far = drawn(population, labels, store.draws(asked.metric))
    return next_cases(population, by_case, so_far, draw, correct(run, asked.metric))


async def _judged_by(judge: Judge, run: Run, asked: Asked) -> tuple[Run, list[str]]:
    """The run as this judge judges it: as it is where it did, judged anew where another one was named."""
    used = scorer_of(run, asked.metric)
    scorer = open_scorers([used.name], judge=judge)[0]
    if scorer.identity == used.identity:
        return run, []
    if asked.judge is None:
        return run, ["this run was judged by another judge, or by an earlier version of it, than the file names now"]
    results = [result for result in run.results if isinstance(result.outcome, Answered)]
    spent = [Spent()]
    samples = [Sample(result.case, result.outcome, result.repeat) for result in results]
    found = await scored(scorer, asked.metric, samples, Limiter(8), spent)
    by_result = {(r.case.id, r.repeat): m for r, m in zip(results, found, strict=True)}
    anew = tuple(
        replace(r, scores={**r.scores, asked.metric: by_result[r.case.id, r.repeat]})
        if (r.case.id, r.repeat) in by_result
        else r
        for r in run.results
    )
    own = ScorerUsed(used.name, scorer.identity, used.metrics)
    others = tuple(own if each.name == used.name else each for each in run.scorers)
    calls = f"{spent[0].calls} calls" if spent[0].calls else "no call"
    return replace(run, results=anew, scorers=others), [f"judged anew by {asked.judge}: {calls}"]


async def _probed(
    project: Project,
    name: str,
    judge: Judge,
    run: Run,
    labels: Sequence[Label],
    store: LabelStore,
    asked: Asked,
) -> Probed | None:
    size = asked.sample if asked.sample is not None else FREE if name == OFFLINE else 0
    if size < 1:
        return None
    used = scorer_of(run, asked.metric)

    def scorer(of: Judge) -> Scorer:
        return open_scorers([used.name], judge=of)[0]

    population = list(units(run, asked.metric))
    random.Random(asked.seed).shuffle(population)
    samples = [Sample(unit.case, unit.results[0].outcome, unit.results[0].repeat) for unit in population[:size]]
    return await probe(
        judge,
        bench(project.file.path).open(name),
        scorer,
        asked.metric,
        samples=samples,
        pairs=_pairs(population)[:size],
        then=_then(labels, store, used.identity, asked)[:size],
        repeats=asked.repeats,
        limiter=Limiter(project.manifest.evaluation.concurrency),
    )


def _pairs(population: Sequence[Unit]) -> list[TwoAnswers]:
    """Two different answers to each case: of two repeats, or the answer and an expected one."""
    found = []
    for unit in population:
        outcomes = (result.outcome for result in unit.results)
        said = [outcome.text for outcome in outcomes if isinstance(outcome, Answered) and not outcome.abstained]
        texts = list(dict.fromkeys(text for text in (*said, *(unit.case.expected or ())) if text.strip()))
        if said and len(texts) > 1:
            found.append(TwoAnswers(unit.case.question, texts[0], texts[1]))
    return found


def _then(labels: Sequence[Label], store: LabelStore, scorer: str, asked: Asked) -> list[Then]:
    """The labelled answers that this judge judged when they were labelled, in an order that only the seed decides."""
    judged = {label.item: label.judged for label in labels if label.scorer == scorer and label.judged is not None}
    order = sorted(judged, key=lambda item: digest([asked.seed, item]))
    contents = store.contents(order)
    found = [(sample_of(contents[item]), judged[item]) for item in order if item in contents]
    return [Then(sample, score, sample.case.group) for sample, score in found]
