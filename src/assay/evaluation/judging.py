"""The port of a judge: an item in, a verdict out. An item is the smallest thing that is judged and kept.

A rubric names what is judged and how the fields are called; the same item given to an offline model,
a language model, a panel or a person is one verdict of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from assay.evaluation.scoring import Spent
from assay.scores import Score


@dataclass(frozen=True, slots=True)
class Item:
    """Something to judge by a rubric, such as ``faithfulness`` with the fields ``question``, ``contexts``
    (passages joined by blank lines) and ``answer``. ``repeat`` tells judgements of the same item apart."""

    rubric: str
    fields: Mapping[str, str]
    repeat: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's score from 0 to 1 with its reason in words.

    ``uncertain`` says how far the judge distrusts itself, from 0 to 1, None where it cannot tell.
    """

    score: Score
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    uncertain: float | None = None
    spent: Spent = field(default_factory=Spent)


class Judge(Protocol):
    """Judges items. ``identity`` changes with everything that can change a verdict. ``rubrics`` are the
    names of those it knows. ``judge`` raises ModelError where a model fails, InputError for an unknown rubric."""

    @property
    def identity(self) -> str: ...

    @property
    def rubrics(self) -> frozenset[str]: ...

    async def judge(self, item: Item) -> Verdict: ...
