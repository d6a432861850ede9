"""The forms in which a judge replies: what the model is told to write, and what its reply is read as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One of several words, each with its value from 0 to 1, such as ``yes`` 1 and ``no`` 0."""

    values: Mapping[str, float] = field(default_factory=lambda: {"yes": 1.0, "no": 0.0})


@dataclass(frozen=True, slots=True)
class Scale:
    """A number from ``low`` to ``high``; ``low`` is read as 0 and ``high`` as 1."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ClaimVerdicts:
    """A list of claims, each with a verdict: the value is the share of those with ``yes``."""


@dataclass(frozen=True, slots=True)
class ClaimList:
    """A list of claims that are taken out of a text and not judged."""


@dataclass(frozen=True, slots=True)
class ClaimCounts:
    """Claims of an answer that are right, wrong or missing, and whether it is right on the whole."""


Form: TypeAlias = Verdicts | Scale | ClaimVerdicts | ClaimList | ClaimCounts


def told(form: Form) -> str:
    """The form in words for the model."""
    match form:
        case Verdicts():
            words = " or ".join(f'"{word}"' for word in form.values)
            return f'{{"reason": "<one short sentence>", "verdict": {words}}}'
        case Scale():
            return f'{{"reason": "<one short sentence>", "score": <a number from {form.low:g} to {form.high:g}>}}'
        case ClaimVerdicts():
            item = '{"claim": "<the claim>", "quote": "<its words, copied>", "verdict": "yes" or "no"}'
            return f'{{"claims": [{item}, …]}}, with "claims": [] if there are none'
        case ClaimList():
            item = '{"claim": "<the claim>", "quote": "<its words, copied>"}'
            return f'{{"claims": [{item}, …]}}, with "claims": [] if there are none'
        case ClaimCounts():
            # No placeholder within the lists: small models copy it, and a copy counts as a claim.
            lists = ", ".join(f'"{name}": […]' for name in COUNTED)
            told = f'{{{lists}, "reason": "<one short sentence>", "verdict": "right" or "wrong"}}'
            return f"{told}, where each list holds its claims as short texts, and is [] if there are none"


COUNTED = ("right", "wrong", "missing")
"""Claims that both texts make, that only the answer makes, that only the expected answer makes."""


def as_json(form: Form) -> dict[str, Any]:
    """The form as JSON, for a digest. The order of verdicts counts: the model reads them in it."""
    match form:
        case Verdicts():
            return {"form": "verdicts", "values": [[word, value] for word, value in form.values.items()]}
        case Scale():
            return {"form": "scale", "low": form.low, "high": form.high}
        case ClaimVerdicts():
            return {"form": "claims"}
        case ClaimList():
            return {"form": "claim list"}
        case ClaimCounts():
            return {"form": "claim counts"}
