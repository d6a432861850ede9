"""Tool calls: did the agent make the calls it should have made, whatever their order?

The calls are compared as multisets, each by its name and all of its arguments (strict). F1 is the harmonic
mean of precision and recall over them (Dice's coefficient); order is ``trajectory``'s matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from assay.evaluation.samples import Sample
from assay.evaluation.scorers.calls import Call, Calls, calls_of
from assay.evaluation.scorers.definition import identified, unscored
from assay.evaluation.scoring import Measured, Metric
from assay.scores import Scored

F1 = Metric("tool_call_f1")
EXACT = Metric("tool_call_match")
NAMES = Metric("tool_name_f1")
_VERSION = 1


@dataclass(frozen=True, slots=True)
class ToolCalls:
    """``tool_call_f1`` and ``tool_call_match`` (1 where the same calls were made, none missing, none extra) by name
    and arguments, and ``tool_name_f1`` by name alone.

    A call whose arguments are not a JSON object equals nothing. Where no call is expected and none is made
    all are 1: there is nothing to disagree on. Unscored where the case names no calls, or the agent's are not
    known. Detail: the ``missing`` and ``extra`` calls, ``precision`` and ``recall`` (None: undefined).
    """

    @property
    def name(self) -> str:
        return "tool_calls"

    @property
    def identity(self) -> str:
        return identified(self.name, _VERSION)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (F1, EXACT, NAMES)

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        calls = calls_of(sample)
        if isinstance(calls, str):
            return unscored(self.metrics, calls)
        matched, missing, extra = _matched(calls)
        wanted, made = len(calls.expected), len(calls.made)
        detail = {
            "precision": matched / made if made else None,
            "recall": matched / wanted if wanted else None,
            "missing": [call.as_dict() for call in missing],
            "extra": [call.as_dict() for call in extra],
        }
        named = (Counter(c.name for c in calls.expected) & Counter(c.name for c in calls.made)).total()
        return {
            F1.name: Measured(Scored(_dice(matched, wanted, made)), detail),
            EXACT.name: Measured(Scored(float(not missing and not extra)), detail),
            NAMES.name: Measured(Scored(_dice(named, wanted, made)), detail),
        }


def _dice(common: int, first: int, second: int) -> float:
    return 2 * common / (first + second) if first + second else 1.0


def _matched(calls: Calls) -> tuple[int, list[Call], list[Call]]:
    """How many calls are in both, those that are only expected, and those that were only made."""
    open_ = Counter(call.key for call in calls.made if call.key is not None)
    missing: list[Call] = []
    for call in calls.expected:
        if call.key is not None and open_[call.key] > 0:
            open_[call.key] -= 1
        else:
            missing.append(call)
    extra: list[Call] = []
    # The last of several equal calls are the ones too many.
    for call in reversed(calls.made):
        if call.key is None:
            extra.append(call)
        elif open_[call.key] > 0:
            open_[call.key] -= 1
            extra.append(call)
    return len(calls.expected) - len(missing), missing, extra[::-1]
