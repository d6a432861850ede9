"""A dry run: what an evaluation would find known, and what the rest would cost, before anything is called."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from anyio.to_thread import run_sync

from assay.digest import Digest, digest_text
from assay.evaluation.artifacts.codec import Scores
from assay.evaluation.cases import Dataset
from assay.evaluation.running.keys import content_only
from assay.evaluation.running.progress import Meter
from assay.evaluation.running.recalling import outcome_of, score_keys, scores_of
from assay.evaluation.running.units import Unit, side_of, units_of
from assay.evaluation.samples import Answered, Subject
from assay.evaluation.scoring import Scorer, Spent
from assay.statistics.bounds import t_quantile
from assay.stores.evaluations import EvaluationStore, KeptAnswer

_SAMPLE = 300
"""Kept answers, and scores of each scorer, that an expectation is taken from."""


@dataclass(frozen=True, slots=True)
class Range:
    """A total that is expected, and the bounds that it will lie within 95 times in a hundred."""

    low: float
    expected: float
    high: float

    def __add__(self, other: Range) -> Range:
        # The bounds of independent parts add in quadrature.
        below = math.hypot(self.expected - self.low, other.expected - other.low)
        above = math.hypot(self.high - self.expected, other.high - other.expected)
        expected = self.expected + other.expected
        return Range(max(0.0, expected - below), expected, expected + above)


NOTHING = Range(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Typical:
    """What one answer takes, for a subject of which none is known: bounds of tokens, US dollars and seconds."""

    input_tokens: Range
    output_tokens: Range
    dollars: Range | None = None
    seconds: Range | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Answers, or the scores of one scorer. ``known`` need nothing, ``missing`` are to be made. The ranges are
    for all that is missing; None where there is nothing to tell them from. ``based_on`` says what there is."""

    name: str
    known: int
    missing: int
    based_on: str
    calls: Range | None = None
    input_tokens: Range | None = None
    output_tokens: Range | None = None
    dollars: Range | None = None
    seconds: Range | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run would do. ``answers.calls`` are calls of the subject, a scorer's are its judges' model calls.

    Scores of answers that are not known yet count as missing: where an answer turns out as one that was scored
    before, less is made.
    """

    cases: int
    repeats: int
    concurrency: int
    answers: Part
    scores: tuple[Part, ...]

    @property
    def dollars(self) -> Range | None:
        return self._total(lambda part: part.dollars)

    @property
    def calls(self) -> Range | None:
        return self._total(lambda part: part.calls)

    @property
    def input_tokens(self) -> Range | None:
        return self._total(lambda part: part.input_tokens)

    @property
    def output_tokens(self) -> Range | None:
        return self._total(lambda part: part.output_tokens)

    @property
    def minutes(self) -> Range | None:
        """Asking and scoring go on side by side: the longer of both decides; at worst they wait for each other."""
        asking = self.answers.seconds
        scoring = _sum([part.seconds for part in self.scores])
        if asking is None or scoring is None:
            return None
        share = 60.0 * self.concurrency
        longer = max(asking.expected, scoring.expected)
        return Range(max(asking.low, scoring.low) / share, longer / share, (asking.high + scoring.high) / share)

    def _total(self, of: Callable[[Part], Range | None]) -> Range | None:
        return _sum([of(part) for part in (self.answers, *self.scores)])


async def forecast(
    subject: Subject,
    dataset: Dataset,
    scorers: Sequence[Scorer],
    *,
    store: EvaluationStore,
    repeats: int = 1,
    concurrency: int = 8,
    typical: Typical | None = None,
    anew: AbstractSet[Digest] = frozenset(),
) -> Forecast:
    """What ``experiment.run`` with the same arguments would find and make. Calls nobody; raises StoreError.

    Answers are expected to be like the subject's known ones; without any, like those that other subjects gave
    to the same cases; without those, ``typical``. Scores are expected to be like the scorer's known ones. Answers
    under the keys ``anew`` are not taken for known.
    """
    return await run_sync(_forecast, subject, dataset, scorers, store, repeats, concurrency, typical, anew)


def _forecast(
    subject: Subject,
    dataset: Dataset,
    scorers: Sequence[Scorer],
    store: EvaluationStore,
    repeats: int,
    concurrency: int,
    typical: Typical | None,
    anew: AbstractSet[Digest],
) -> Forecast:
    units = units_of(side_of(subject, Meter(0)), dataset, repeats)
    answers = store.answers({unit.key for unit in units} - anew)
    for unit in units:
        if unit.key in answers:
            unit.content, unit.whole = answers[unit.key].content, answers[unit.key].whole
    missing = sum(unit.content is None for unit in units)
    like, based_on = _like(subject, units, store) if missing else ([], "nothing is missing")
    identities = [(scorer.identity, content_only(scorer)) for scorer in scorers]
    keys = [score_keys(unit.digest, unit.content, unit.whole, identities) for unit in units if unit.content is not None]
    known = store.known_scores(key for own in keys for key in own)
    parts = []
    for at, scorer in enumerate(scorers):
        wanted = {own[at] for own in keys}
        unknown = len(wanted - known) + missing
        parts.append(_scores(scorer, len(wanted & known), unknown, store))
    part = _answers(len(units) - missing, missing, like, based_on, typical)
    return Forecast(len(dataset.cases), repeats, concurrency, part, tuple(parts))


def _like(subject: Subject, units: Sequence[Unit], store: EvaluationStore) -> tuple[list[KeptAnswer], str]:
    own = store.sample_answers(digest_text(subject.identity), _SAMPLE)
    if own:
        return own, f"{len(own)} known answers of the same subject"
    others = store.sample_answers_to({unit.digest for unit in units}, _SAMPLE)
    return others, f"{len(others)} answers of other subjects to these cases" if others else "nothing known"


def _answers(known: int, missing: int, like: Sequence[KeptAnswer], based_on: str, typical: Typical | None) -> Part:
    found = [(kept, outcome) for kept in like if isinstance(outcome := outcome_of(kept), Answered)]
    calls = Range(missing, missing, missing)
    if not missing:
        return Part("answers", known, 0, based_on, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING)
    if not found:
        if typical is None:
            return Part("answers", known, missing, "nothing known", calls)
        return Part(
            "answers",
            known,
            missing,
            "the sizes of prompts",
            calls,
            _times(typical.input_tokens, missing),
            _times(typical.output_tokens, missing),
            _times(typical.dollars, missing),
            _times(typical.seconds, missing),
        )
    costs = [outcome.cost for _, outcome in found]
    return Part(
        "answers",
        known,
        missing,
        based_on,
        calls,
        total([outcome.usage.input for _, outcome in found], missing),
        total([outcome.usage.output for _, outcome in found], missing),
        total([cost for cost in costs if cost is not None], missing) if None not in costs else None,
        total([kept.milliseconds / 1e3 for kept, _ in found], missing),
    )


def _scores(scorer: Scorer, known: int, missing: int, store: EvaluationStore) -> Part:
    if not missing:
        return Part(scorer.name, known, 0, "nothing is missing", NOTHING, NOTHING, NOTHING, NOTHING, NOTHING)
    like = store.sample_scores(digest_text(scorer.identity), _SAMPLE)
    if not like:
        return Part(scorer.name, known, missing, "nothing known")
    spent = [_spent(scores_of(kept)) for kept in like]
    costs = [one.cost for one in spent]
    return Part(
        scorer.name,
        known,
        missing,
        f"{len(like)} known scores of the same scorer",
        total([one.calls for one in spent], missing),
        total([one.input_tokens for one in spent], missing),
        total([one.output_tokens for one in spent], missing),
        total([cost for cost in costs if cost is not None], missing) if None not in costs else None,
        total([kept.milliseconds / 1e3 for kept in like], missing),
    )


def _spent(scores: Scores) -> Spent:
    spent = Spent()
    for measured in scores.values():
        spent += measured.spent
    return spent


def total(values: Sequence[float], count: int) -> Range:
    """The sum of ``count`` further values like these: a 95 % prediction interval by Student's t.

    From fewer than four values no spread can be told: the bounds are then half the least and twice the greatest.
    Raises ValueError for no values.
    """
    if not values:
        raise ValueError("no values to expect others from")
    known, mean = len(values), statistics.fmean(values)
    if known < 4:
        return Range(count * min(values) / 2, count * mean, count * max(values) * 2)
    spread = statistics.stdev(values) * math.sqrt(count + count * count / known)
    half = t_quantile(known - 1, 0.975) * spread
    return Range(max(0.0, count * mean - half), count * mean, count * mean + half)


def _times(one: Range | None, count: int) -> Range | None:
    # The same assumption for all: its error does not average out.
    return None if one is None else Range(one.low * count, one.expected * count, one.high * count)


def _sum(ranges: Sequence[Range | None]) -> Range | None:
    found = NOTHING
    for one in ranges:
        if one is None:
            return None
        found += one
    return found
