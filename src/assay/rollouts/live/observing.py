"""What is seen of an answer: the values that guards compare."""

from __future__ import annotations

from assay.answering.events import Answer, Failed
from assay.errors import AssayError, Cancelled, InputError


def callers_fault(error: AssayError) -> bool:
    """Whether an answer failed by what was asked, or by who went away, so that it says nothing of a release."""
    return isinstance(error, InputError | Cancelled)


def values_of(end: Answer | Failed) -> dict[str, float]:
    """``errors`` and ``abstention`` 0 or 1, ``latency`` and ``first_token`` in milliseconds, ``cost`` in US dollars
    where it is known. An answer that failed has ``errors`` alone: how fast it failed is no latency."""
    if isinstance(end, Failed):
        return {"errors": 1.0}
    found = {
        "errors": 0.0,
        "abstention": float(end.abstained is not None),
        "latency": end.milliseconds,
        "first_token": end.first_token_milliseconds,
    }
    if end.cost is not None:
        found["cost"] = end.cost
    return found


def key_of(end: Answer | Failed, *, shared: bool) -> str:
    """What an observation calls the answer: its trace; with its span where the trace is ``shared`` with others."""
    return f"{end.trace}{end.span}" if shared else end.trace
