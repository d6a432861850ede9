"""What a rater is shown next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.digest import Digest, digest
from assay.evaluation.cases import Case
from assay.evaluation.labelling.drawing import RANDOM, drawn, random_order
from assay.evaluation.labelling.population import Unit, judged
from assay.evaluation.records import Result
from assay.stores.labelled import Draw, Label


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer to label. ``draw`` and ``probability`` go into the label; ``judged`` is hidden from the rater."""

    case: Case
    result: Result
    item: Digest
    judged: float
    draw: str
    probability: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """How answers are chosen. ``second`` is the share of answers that several raters see, for their agreement;
    ``proposal`` is a draw to go through, None for the random order of ``seed``."""

    seed: int = 0
    second: float = 0.2
    proposal: Draw | None = None


def queue(
    population: Sequence[Unit], metric: str, labels: Sequence[Label], draws: Sequence[Draw], rater: str, plan: Plan
) -> list[Shown]:
    """All that this rater may label, in order: first cases that were drawn before and whose answer is new, then
    the draw's. Left out is what the rater has labelled, and what others have, but for the plan's share.

    The order depends on seed and cases alone: whoever stops goes on where he was.
    """
    so_far = drawn(population, labels, draws)
    by_item: dict[Digest, set[str]] = {}
    for label in labels:
        by_item.setdefault(label.item, set()).add(label.rater)
    named = {unit.digest: unit for unit in population}
    proposal = plan.proposal
    order = random_order(named, metric, plan.seed) if proposal is None else proposal.order
    name = f"{RANDOM}{plan.seed}" if proposal is None else proposal.id
    chances = {} if proposal is None else proposal.chances
    places = dict(so_far.reached) | {case: (name, chances.get(case)) for case in order if case not in so_far.reached}
    found = []
    for case, (draw, chance) in places.items():
        if case not in named:
            continue
        unit = named[case]
        result, item = _chosen(unit, by_item, plan.seed)
        raters = by_item.get(item, set())
        if rater in raters or (raters and _share(metric, case) >= plan.second):
            continue
        found.append(Shown(unit.case, result, item, judged(result, metric), draw or f"{RANDOM}{plan.seed}", chance))
    return found


def _chosen(unit: Unit, by_item: dict[Digest, set[str]], seed: int) -> tuple[Result, Digest]:
    """The answer that stands for a case: the one that somebody labelled, else one of its repeats by lot."""
    pairs = list(zip(unit.results, unit.items, strict=True))
    labelled = [pair for pair in pairs if pair[1] in by_item]
    if labelled:
        return labelled[0]
    return pairs[int(digest([seed, "repeat", unit.digest])[:8], 16) % len(pairs)]


def _share(metric: str, case: Digest) -> float:
    """A number in [0, 1) that only the case decides: all raters share the same cases."""
    return int(digest(["second", metric, case])[:8], 16) / 0x1_0000_0000
