"""What is known already: answers and scores from the store, before anyone is asked."""

from __future__ import annotations

from collections.abc import Sequence

from anyio.to_thread import run_sync

from assay.digest import Digest
from assay.errors import InputError, StoreError
from assay.evaluation.artifacts.codec import Scores, decode_outcome, decode_scores, loaded
from assay.evaluation.running.keys import content_only, score_key
from assay.evaluation.running.progress import Meter
from assay.evaluation.running.units import Unit
from assay.evaluation.samples import Outcome
from assay.evaluation.scoring import Scorer
from assay.scores import Unscored
from assay.stores.evaluations import EvaluationStore, KeptAnswer, KeptScore


async def recall(units: Sequence[Unit], scorers: Sequence[Scorer], store: EvaluationStore, meter: Meter) -> None:
    """Fill in what the store knows. Raises StoreError, also for what is kept there but cannot be read."""
    await run_sync(_recall, units, scorers, store, meter)


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


def score_keys(unit: Unit, scorers: Sequence[tuple[str, bool]]) -> list[Digest]:
    """The key of each scorer's score of a unit that has an answer; ``scorers`` are identity and content_only."""
    assert unit.content is not None
    assert unit.whole is not None
    return [score_key(identity, unit.digest, unit.content if bound else unit.whole) for identity, bound in scorers]


def unscored(scores: Scores) -> int:
    """How many metrics have no value."""
    return sum(isinstance(measured.score, Unscored) for measured in scores.values())


def _recall(units: Sequence[Unit], scorers: Sequence[Scorer], store: EvaluationStore, meter: Meter) -> None:
    answers = store.answers([unit.key for unit in units])
    known = [unit for unit in units if unit.key in answers]
    for unit in known:
        kept = answers[unit.key]
        unit.outcome, unit.content, unit.whole = outcome_of(kept), kept.content, kept.whole
    meter.answers_reused = len(known)
    identities = [(scorer.identity, content_only(scorer)) for scorer in scorers]
    keys = [score_keys(unit, identities) for unit in known]
    rows = store.scores([key for own in keys for key in own])
    found = {key: scores_of(row) for key, row in rows.items()}
    for unit, own in zip(known, keys, strict=True):
        unit.scores = {at: found[key] for at, key in enumerate(own) if key in found}
        meter.scores_reused += len(unit.scores)
        meter.unscored += sum(unscored(scores) for scores in unit.scores.values())
        if unit.complete(len(scorers)):
            meter.done += len(unit.places)
            meter.known += len(unit.places)
