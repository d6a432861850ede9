"""The cheap judge first, the dear one only where the cheap one is in doubt.

A model cascade after Chen, Zaharia and Zou 2023, FrugalGPT (arXiv 2305.05176), with the second judge
called where the first one's score lies in a band.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from assay.errors import InputError
from assay.evaluation.judges.shares import REVISION, on_one_scale
from assay.evaluation.judging import Item, Judge, Verdict
from assay.scores import Scored


@dataclass(frozen=True, slots=True)
class Band:
    """The scores from ``low`` to ``high``, both ends in it, for which the first judge's word is not enough."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 1:
            raise InputError(f"the band {self.low:g}-{self.high:g} must lie within 0 and 1, low end first")

    def __contains__(self, score: float) -> bool:
        return self.low <= score <= self.high


BAND = Band(0.2, 0.8)
"""Wide, for judges that nobody has compared yet; ``bands.fit_band`` finds one for yours."""


class Cascade:
    """The first judge, and the second where the first one's score lies in the band or is missing.

    The verdict is that of the judge who had the last word, on one scale for both (see ``shares``): where rubrics
    count claims, the score is the share that is supported, whoever judged. The band is held against the first
    judge's own score. The detail has beside that judge's own ``judged_by`` (its name), ``first_by`` (the first
    judge's name), ``first`` (its own score, None without one) and, where the second was asked because the first
    gave no score, ``first_unscored`` with the reason.
    """

    def __init__(self, first: Judge, second: Judge, band: Band = BAND, *, names: tuple[str, str] = ("first", "second")):
        """``names`` are what ``judged_by`` calls the two."""
        self._first, self._second, self._band, self._names = first, second, band, names

    @property
    def identity(self) -> str:
        ends = f"{self._band.low:g}-{self._band.high:g}"
        return f"cascade:{REVISION}({ends};{self._first.identity},{self._second.identity})"

    @property
    def rubrics(self) -> frozenset[str]:
        """Those of the second judge; what the first does not know goes to the second at once."""
        return self._second.rubrics

    async def judge(self, item: Item) -> Verdict:
        """Raises what the judges raise."""
        if item.rubric not in self._first.rubrics:
            return self._by(1, on_one_scale(item, await self._second.judge(item)), {})
        verdict = await self._first.judge(item)
        match verdict.score:
            case Scored(value) if value not in self._band:
                return self._by(0, on_one_scale(item, verdict), self._first_said(value))
            case Scored(value):
                told = self._first_said(value)
            case unscored:
                told = {**self._first_said(None), "first_unscored": unscored.reason}
        second = on_one_scale(item, await self._second.judge(item))
        return self._by(1, replace(second, spent=verdict.spent + second.spent), told)

    def _first_said(self, score: float | None) -> dict[str, object]:
        return {"first_by": self._names[0], "first": score}

    def _by(self, at: int, verdict: Verdict, told: Mapping[str, object]) -> Verdict:
        return replace(verdict, detail={**verdict.detail, "judged_by": self._names[at], **told})
