"""What is known already: answers and scores from the store, before anyone is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anyio.to_thread import run_sync

from assay.digest import Digest
from assay.errors import InputError, StoreError
from assay.evaluation.artifacts.codec import Scores, decode_outcome, decode_scores, loaded
from assay.evaluation.running.keys import content_only, score_key
from assay.evaluation.running.units import Unit
from assay.evaluation.samples import Outcome
from assay.evaluation.scoring import Scorer
from assay.scores import Unscored
from assay.stores.evaluations import EvaluationStore, KeptAnswer, KeptScore


async def recall(units: Sequence[Unit], scorers: Sequence[Scorer], store: EvaluationStore) -> None:
    """Fill in what the units lack and the store knows, and count it. Nobody else may be at these units.

    Raises StoreError, also for what is kept there but cannot be read.
    """
    identities = [(scorer.identity, content_only(scorer)) for scorer in scorers]
    for unit, found in zip(units, await run_sync(_recall, units, identities, store), strict=True):
        meter = unit.side.meter
        meter.answers_reused += found.answer
        meter.scores_reused += len(found.scores)
        meter.unscored += sum(unscored(scores) for scores in found.scores)
        if unit.complete(len(scorers)):
            meter.done += len(unit.places)
            meter.known += len(unit.places)


def outcome_of(kept: KeptAnswer) -> Outcome:
    """Raises StoreError when it cannot be read."""
    try:
        return decode_outcome(loaded(kept.payload))
    except InputError as error:
        raise StoreError(f"the kept answer {kept.key[:12]} cannot be read: {error}") from error


def scores_of(kept: KeptScore) -> Scores:
    """Raises StoreError when it cannot be read."""
    try:
        return decode_scores(loaded(kept.payload))
    except InputError as error:
        raise StoreError(f"the kept score {kept.key[:12]} cannot be read: {error}") from error


def score_keys(
    case: Digest, content: Digest | None, whole: Digest | None, scorers: Sequence[tuple[str, bool]]
) -> list[Digest]:
    """The key of each scorer's score of an answer to a case; ``scorers`` are identity and content_only."""
    assert content is not None
    assert whole is not None
    return [score_key(identity, case, content if bound else whole) for identity, bound in scorers]


def unscored(scores: Scores) -> int:
    """How many metrics have no value."""
    return sum(isinstance(measured.score, Unscored) for measured in scores.values())


@dataclass(frozen=True, slots=True)
class _Found:
    """What was filled in: whether an answer, and which scores."""

    answer: bool
    scores: Sequence[Scores]


def _recall(units: Sequence[Unit], identities: Sequence[tuple[str, bool]], store: EvaluationStore) -> list[_Found]:
    open_ones = [unit for unit in units if unit.outcome is None and not unit.anew]
    answers = store.answers([unit.key for unit in open_ones])
    known = {id(unit): answers[unit.key] for unit in open_ones if unit.key in answers}
    keys: dict[int, dict[int, Digest]] = {}
    for unit in units:
        if (kept := known.get(id(unit))) is not None:
            unit.outcome, unit.content, unit.whole = outcome_of(kept), kept.content, kept.whole
        if unit.content is not None:
            own = score_keys(unit.digest, unit.content, unit.whole, identities)
            keys[id(unit)] = {at: key for at, key in enumerate(own) if at not in unit.scores}
    rows = store.scores([key for own in keys.values() for key in own.values()])
    found = {key: scores_of(row) for key, row in rows.items()}
    filled = []
    for unit in units:
        new = {at: found[key] for at, key in keys.get(id(unit), {}).items() if key in found}
        unit.scores |= new
        filled.append(_Found(id(unit) in known, list(new.values())))
    return filled
