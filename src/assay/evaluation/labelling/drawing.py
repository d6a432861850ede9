"""Which cases are shown to people, and with which probability: without it labels say nothing about the rest.

What is drawn are cases. A random draw takes them in an order that only the seed decides, so that two runs on one
dataset are labelled on the same cases, and may end anywhere: the cases so far are a simple random sample. A
proposed draw has its own chances (``statistics.labelling``) and an order in which it may end early too.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assay.digest import Digest, digest
from assay.evaluation.labelling.population import Unit
from assay.statistics.labelling import expected_errors, next_labels
from assay.stores.labelled import Draw, Label

RANDOM = "random:"


@dataclass(frozen=True, slots=True)
class Drawn:
    """How far the draws have come. ``chances`` of each case to have been drawn by now, 0 for one that could not
    be; ``reached`` the cases that were, in order, each with the draw that came to it first and its chance there
    (None in a random one). ``equal`` says that all chances are the same."""

    chances: Mapping[Digest, float]
    reached: Mapping[Digest, tuple[str | None, float | None]]
    equal: bool


def random_order(cases: Iterable[Digest], metric: str, seed: int) -> list[Digest]:
    """The cases in the order in which a random draw shows them: it depends on the seed alone, not on the answers."""
    return sorted(dict.fromkeys(cases), key=lambda case: digest([seed, metric, case]))


def drawn(population: Sequence[Unit], labels: Iterable[Label], draws: Sequence[Draw]) -> Drawn:
    """How far each draw has come in this population, told from the labels.

    A draw has reached every case up to the last one in its order that has a label, be it of another answer.
    Labels from elsewhere count as drawn at random, unless they have a probability of their own.
    """
    cases = list(dict.fromkeys(unit.digest for unit in population))
    known, here = {draw.id: draw for draw in draws}, frozenset(cases)
    by_draw: dict[str | None, list[Label]] = {}
    for label in labels:
        if label.case in here:
            listed = label.draw is not None and (label.draw.startswith(RANDOM) or label.draw in known)
            by_draw.setdefault(label.draw if listed else None, []).append(label)
    spared = dict.fromkeys(cases, 1.0)
    reached: dict[Digest, tuple[str | None, float | None]] = {}
    equal = True
    for name, found in by_draw.items():
        chances, order = _so_far(name, found, cases, known)
        alike = len(chances) == len(cases) and len(set(chances.values())) == 1
        equal = equal and alike and (name is None or name.startswith(RANDOM))
        for case, chance in chances.items():
            spared[case] *= 1 - chance
        for case in order:
            own = None if name is None or name.startswith(RANDOM) else known[name].chances.get(case)
            reached.setdefault(case, (name, own))
    return Drawn({case: 1 - each for case, each in spared.items()}, reached, equal)


def _so_far(
    name: str | None, found: Sequence[Label], cases: Sequence[Digest], known: Mapping[str, Draw]
) -> tuple[dict[Digest, float], list[Digest]]:
    """Each case's chance in one draw, and the cases that it has reached."""
    labelled = dict.fromkeys(label.case for label in found)
    if name is None:
        own = {label.case: label.probability for label in found if label.probability is not None}
        share = len(labelled) / len(cases)
        return own or dict.fromkeys(cases, share), list(labelled)
    if name.startswith(RANDOM):
        order = random_order(cases, found[0].metric, int(name.removeprefix(RANDOM)))
        chances = dict.fromkeys(cases, 1.0)
    else:
        here = frozenset(cases)
        order = [case for case in known[name].order if case in here]
        chances = {case: known[name].chances.get(case, 0.0) for case in cases}
    depth = 1 + max((at for at, case in enumerate(order) if case in labelled), default=-1)
    return {case: chance * depth / max(1, len(order)) for case, chance in chances.items()}, order[:depth]


def propose(
    population: Sequence[Unit],
    metric: str,
    labelled: Mapping[Digest, float],
    so_far: Drawn,
    count: int,
    *,
    round: int,
    at: float,
) -> Draw:
    """Draw ``count`` cases that are likely to narrow the corrected interval most.

    ``labelled`` gives people's value of each case that has one. From ten on, the judge's errors are learnt from
    them; before, its doubt stands for them. ``round`` counts the draws before: the same state gives the same draw.
    """
    first: dict[Digest, Unit] = {}
    for unit in population:
        first.setdefault(unit.digest, unit)
    cases = list(first)
    scores = np.array([first[case].judged for case in cases])
    before = np.array([so_far.chances.get(case, 0.0) for case in cases])
    done = [place for place, case in enumerate(cases) if case in so_far.reached]
    values = {place: labelled[case] for place, case in enumerate(cases) if case in labelled}
    errors = expected_errors(scores, values) if len(values) >= 10 else None
    found = next_labels(scores, count, errors=errors, labelled=done, probabilities=before, seed=round)
    # What next_labels gives is the chance over all rounds; a draw keeps its own.
    own = np.where(before < 1, (found.probabilities - before) / np.maximum(1e-12, 1 - before), 1.0)
    chosen = random_order([cases[place] for place in found.places], metric, round)
    chances = {case: min(1.0, max(0.0, float(chance))) for case, chance in zip(cases, own, strict=True)}
    return Draw(f"proposed:{round}:{secrets.token_hex(4)}", metric, at, tuple(chosen), chances)
