"""A judge that says what it is told to, for tests of everything above the port."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from assay.errors import InputError
from assay.evaluation.judges.rubrics import SHIPPED
from assay.evaluation.judging import Item, Verdict
from assay.evaluation.scoring import Spent
from assay.scores import Score, Scored

Says: TypeAlias = float | Score | Verdict | Exception
"""A value, a score, a verdict as it is, or an error to raise."""


class ScriptedJudge:
    """Says the same of every item, what a mapping has for its rubric, or what a function makes of it.

    A value or a score costs one call of 10 tokens in, 1 out and half a dollar. ``items`` are all so far.
    With a mapping the judge knows the mapping's rubrics, else ``rubrics``, by default all that Assay ships.
    """

    def __init__(
        self,
        says: Says | Mapping[str, Says] | Callable[[Item], Says],
        identity: str = "scripted:judge",
        rubrics: Sequence[str] | frozenset[str] | None = None,
    ) -> None:
        self._says = says
        self.identity = identity
        known = says if isinstance(says, Mapping) else SHIPPED
        self.rubrics = frozenset(known if rubrics is None else rubrics)
        self.items: list[Item] = []

    async def judge(self, item: Item) -> Verdict:
        self.items.append(item)
        if item.rubric not in self.rubrics:
            raise InputError(f"{self.identity} has no rubric {item.rubric!r}")
        said = self._said(item)
        if isinstance(said, Exception):
            raise said
        if isinstance(said, Verdict):
            return said
        return Verdict(Scored(float(said)) if isinstance(said, int | float) else said, spent=Spent(1, 10, 1, 0.5))

    def _said(self, item: Item) -> Says:
        if isinstance(self._says, Mapping):
            return self._says[item.rubric]
        return self._says(item) if callable(self._says) else self._says
