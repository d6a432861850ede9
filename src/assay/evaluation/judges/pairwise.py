"""Two texts compared, always in both orders: judges prefer a place, mostly the first.

Zheng et al. 2023 (arXiv 2306.05685), position bias: a preference that does not survive the
exchange of both texts is counted as a tie.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from assay.evaluation.judges.together import all_of
from assay.evaluation.judging import Item, Judge, Verdict
from assay.scores import Estimate, Scored, Unscored

RUBRIC = "pairwise"


class BothOrders:
    """A judge that compares in both orders; every other rubric it hands on.

    The verdict's score is 1 where ``a`` wins both times, 0 where ``b`` does, else 0.5. Its detail has ``flip``
    (whether the orders disagree) and ``orders``, the preference for ``a`` when it stood first and second.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    @property
    def identity(self) -> str:
        return f"both-orders({self._judge.identity})"

    @property
    def rubrics(self) -> frozenset[str]:
        return self._judge.rubrics

    async def judge(self, item: Item) -> Verdict:
        if item.rubric != RUBRIC:
            return await self._judge.judge(item)
        return _joined(await all_of([self._judge.judge(each) for each in (item, exchanged(item))]))


def exchanged(item: Item) -> Item:
    """The item with the texts ``a`` and ``b`` in each other's place."""
    fields = dict(item.fields)
    if "a" in fields and "b" in fields:
        fields["a"], fields["b"] = fields["b"], fields["a"]
    return Item(item.rubric, fields, item.repeat)


async def compare(judge: Judge, first: str, second: str, criterion: str, **fields: str) -> Verdict:
    """Which text is better by the criterion, asked in both orders; ``fields`` are ``question`` and ``contexts``.

    Returns a verdict as ``BothOrders`` gives it. Raises what the judge raises.
    """
    item = Item(RUBRIC, {"criterion": criterion, "a": first, "b": second, **fields})
    both = judge if isinstance(judge, BothOrders) else BothOrders(judge)
    return await both.judge(item)


def preference(verdicts: Iterable[Verdict], clusters: Sequence[str] | None = None) -> Estimate:
    """The share of comparisons that the first text wins, a tie counted as half a win.

    ``clusters`` name for each verdict what it shares with others. Raises InputError where none has a score.
    """
    from assay.statistics.means import mean  # brings scipy: not wanted where nothing is estimated

    known = list(verdicts)
    scored = [(i, v.score.value) for i, v in enumerate(known) if isinstance(v.score, Scored)]
    groups = None if clusters is None else [clusters[i] for i, _ in scored]
    return mean([value for _, value in scored], clusters=groups, unscored=len(known) - len(scored))


def _joined(verdicts: Sequence[Verdict]) -> Verdict:
    there, back = verdicts
    spent = there.spent + back.spent
    if isinstance(there.score, Unscored) or isinstance(back.score, Unscored):
        score = there.score if isinstance(there.score, Unscored) else back.score
        return Verdict(score, there.reason or back.reason, {}, None, spent)
    orders = [there.score.value, 1.0 - back.score.value]
    flip = _winner(orders[0]) != _winner(orders[1])
    detail: dict[str, Any] = {"flip": flip, "orders": orders, "reasons": [there.reason, back.reason]}
    value = 0.5 if flip else sum(orders) / 2
    reason = "the orders disagree: a tie" if flip else there.reason
    return Verdict(Scored(value), reason, detail, float(flip), spent)


def _winner(value: float) -> int:
    return (value > 0.5) - (value < 0.5)
