"""One rater labelling one run: what is shown, what is kept, what is taken back."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace

from assay.evaluation.labelling.content import content_of
from assay.evaluation.labelling.drawing import drawn, propose
from assay.evaluation.labelling.joining import labelled, people
from assay.evaluation.labelling.population import scorer_of, units
from assay.evaluation.labelling.queue import Plan, Shown, queue
from assay.evaluation.records import Run
from assay.stores.labelled import Draw, Label
from assay.stores.labels import LabelStore


class LabelBook:
    """Labels of one metric of a run. Every call reads and writes the store: other raters may be at work too."""

    def __init__(
        self, store: LabelStore, run: Run, metric: str, rater: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        """Raises InputError where the run has no such metric, or no score of it."""
        self._store, self._run, self._metric, self._rater, self._clock = store, run, metric, rater, clock
        self._population = units(run, metric)
        self._scorer = scorer_of(run, metric).identity

    @property
    def size(self) -> int:
        """How many cases could be labelled."""
        return len(self._population)

    def proposal(self, count: int) -> Draw:
        """A draw of ``count`` cases that would narrow the interval; it is not kept yet."""
        labels, draws = self._store.labels(self._metric), self._store.draws(self._metric)
        so_far = drawn(self._population, labels, draws)
        joined = labelled(self._run, labels, {self._metric: draws})
        said = people(joined, self._metric)
        by_case = {unit.digest: said[unit.case.id] for unit in self._population if unit.case.id in said}
        return propose(self._population, self._metric, by_case, so_far, count, round=len(draws), at=self._clock())

    def begin(self, count: int) -> Draw:
        """The draw to go through: the last one that still has unlabelled cases, else a new one, kept."""
        known = self._store.draws(self._metric)
        if known and self._left(known[-1]):
            return known[-1]
        draw = self.proposal(count)
        self._store.draw(draw)
        return draw

    def queue(self, plan: Plan) -> list[Shown]:
        """What may be shown now, in order; see ``queue.queue``."""
        labels, draws = self._store.labels(self._metric), self._store.draws(self._metric)
        return queue(self._population, self._metric, labels, draws, self._rater, plan)

    def keep(self, shown: Shown, value: float | None, note: str = "") -> Label:
        """Keep what the rater says; None is "cannot tell"."""
        label = Label(
            secrets.token_hex(8),
            self._metric,
            shown.item,
            shown.case.digest,
            self._rater,
            value,
            self._clock(),
            shown.draw,
            shown.probability,
            shown.judged,
            self._scorer,
            note,
        )
        self._store.add(label, content_of(shown.item, shown.result))
        return label

    def take_back(self, label: Label) -> None:
        """Have a label count no longer."""
        self._store.withdraw(label, self._clock())

    def given(self) -> int:
        """How many answers of this run the rater has labelled."""
        here = {item for unit in self._population for item in unit.items}
        return sum(label.rater == self._rater and label.item in here for label in self._store.labels(self._metric))

    def joined(self) -> Run:
        """The run with all labels that there are now."""
        return labelled(
            replace(self._run, labels=(), checked=()),
            self._store.labels(self._metric),
            {self._metric: self._store.draws(self._metric)},
        )

    def _left(self, draw: Draw) -> bool:
        labelled = {label.case for label in self._store.labels(self._metric)}
        here = {unit.digest for unit in self._population}
        return any(case in here and case not in labelled for case in draw.order)
