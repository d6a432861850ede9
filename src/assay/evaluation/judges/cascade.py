"""The cheap judge first, the dear one only where the cheap one is in doubt.

A model cascade after Chen, Zaharia and Zou 2023, FrugalGPT (arXiv 2305.05176), with the second judge
called where the first one's score lies in a band.
"""

from __future__ import annotations

from dataclasses import dataclass

from assay.errors import InputError
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

    The verdict is that of the judge who had the last word. Its detail has beside that judge's own
    ``judged_by`` (the judge's name), ``first`` (the first judge's score, None without one) and, where the
    second was asked because the first gave no score, ``first_unscored`` with the reason.
    """

    def __init__(self, first: Judge, second: Judge, band: Band = BAND, *, names: tuple[str, str] = ("first", "second")):
        """``names`` are what ``judged_by`` calls the two."""
        self._first, self._second, self._band, self._names = first, second, band, names

    @property
    def identity(self) -> str:
        ends = f"{self._band.low:g}-{self._band.high:g}"
        return f"cascade({ends};{self._first.identity},{self._second.identity})"

    @property
    def rubrics(self) -> frozenset[str]:
        """Those of the second judge; what the first does not know goes to the second at once."""
        return self._second.rubrics

    async def judge(self, item: Item) -> Verdict:
        """Raises what the judges raise."""
        if item.rubric not in self._first.rubrics:
            return _by(self._names[1], await self._second.judge(item), {})
        verdict = await self._first.judge(item)
        match verdict.score:
            case Scored(value) if value not in self._band:
                return _by(self._names[0], verdict, {"first": value})
            case Scored(value):
                told: dict[str, object] = {"first": value}
            case unscored:
                told = {"first": None, "first_unscored": unscored.reason}
        second = await self._second.judge(item)
        return _by(self._names[1], second, told, verdict)


def _by(name: str, verdict: Verdict, told: dict[str, object], before: Verdict | None = None) -> Verdict:
    spent = verdict.spent if before is None else before.spent + verdict.spent
    detail = {**verdict.detail, "judged_by": name, **told}
    return Verdict(verdict.score, verdict.reason, detail, verdict.uncertain, spent)
