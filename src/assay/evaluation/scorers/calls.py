"""Tool calls brought to a form that can be compared: a name, and arguments as a JSON value."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.digest import canonical
from assay.evaluation.cases import ExpectedCall
from assay.evaluation.samples import Answered, Failed, Sample
from assay.evaluation.scorers.definition import failure
from assay.messages import ToolCall


@dataclass(frozen=True, slots=True)
class Call:
    """A call; ``key`` is equal for equal calls (arguments by value, in no order of their names), None where the
    arguments are not a JSON object: such a call equals nothing."""

    name: str
    arguments: Any
    key: tuple[str, bytes] | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"name": self.name, "arguments": self.arguments}


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of a case and of an answer to it, in order."""

    expected: tuple[Call, ...]
    made: tuple[Call, ...]


def calls_of(sample: Sample) -> Calls | str:
    """The calls to compare, or the reason why there are none to compare."""
    if isinstance(sample.outcome, Failed):
        return failure(sample.outcome)
    if sample.case.calls is None:
        return "the case names no tool calls"
    made = _made(sample.outcome)
    if made is None:
        return "the tool calls are not known"
    return Calls(tuple(map(_wanted, sample.case.calls)), made)


def subsequence(wanted: Sequence[Call], within: Sequence[Call]) -> int:
    """How many of ``wanted``, from the first on, stand in ``within`` in their order with others between them."""
    found = 0
    for call in within:
        if found < len(wanted) and call.key is not None and call.key == wanted[found].key:
            found += 1
    return found


def _wanted(call: ExpectedCall) -> Call:
    return _call(call.name, dict(call.arguments))


def _made(answer: Answered) -> tuple[Call, ...] | None:
    return None if answer.calls is None else tuple(map(_read, answer.calls))


def _read(call: ToolCall) -> Call:
    if not call.arguments.strip():
        # Several providers leave the arguments of a tool without parameters empty.
        return _call(call.name, {})
    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError):
        arguments = None
    return _call(call.name, arguments) if isinstance(arguments, dict) else Call(call.name, call.arguments, None)


def _call(name: str, arguments: Mapping[str, Any]) -> Call:
    try:
        return Call(name, arguments, (name, canonical(arguments)))
    except (TypeError, ValueError, RecursionError):
        return Call(name, str(arguments), None)
