"""From claims to the answer: what the second stage of the offline faithfulness judge looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, log1p

from assay.evaluation.judges.claims import Claim, claims
from assay.evaluation.judges.offline.evidence import WORD, Evidence, bare, content
from assay.evaluation.judges.offline.features import features
from assay.evaluation.judges.offline.words import spoken
from assay.language.terms import stem

_LEAST, _MOST = 0.001, 0.98
_RISKY = 0.3


@dataclass(frozen=True, slots=True)
class Examined:
    """A claim that states something, with its features."""

    claim: Claim
    features: Mapping[str, float]


def examine(question: str | None, by: Evidence, answer: str) -> tuple[Examined, ...]:
    """The claims of ``answer`` that state something, each with its features against ``by``."""
    asked = frozenset(stem(word) for word in map(bare, WORD.findall(question or "")) if content(word))
    found = claims(answer)
    return tuple(
        Examined(claim, features(claim, spoken(answer, claim, by), by, asked, at / len(found)))
        for at, claim in enumerate(found)
        if claim.states
    )


def summary(examined: Sequence[Examined], risks: Sequence[float]) -> dict[str, float]:
    """Features of an answer from its claims, at least one, and the risk in [0, 1] that each is unsupported."""
    held = [min(max(risk, _LEAST), _MOST) for risk in risks]
    logits = sorted((log(risk / (1 - risk)) for risk in held), reverse=True)
    told = [claim.features for claim in examined]
    sizes = [exp(f["words"]) - 1 + 0.01 for f in told]

    def mean(name: str) -> float:
        return sum(size * f[name] for size, f in zip(sizes, told, strict=True)) / sum(sizes)

    def total(*names: str) -> float:
        return log1p(sum(exp(f[name]) - 1 for f in told for name in names))

    return {
        "riskiest": logits[0],
        "riskiest_two": _mean(logits[:2]),
        "riskiest_three": _mean(logits[:3]),
        "risk": _mean(logits),
        "any": log(-sum(log1p(-risk) for risk in held)),
        "risky": float(sum(risk > _RISKY for risk in held)),
        "cover": mean("cover"),
        "clause_worst": min(f["clause_worst"] for f in told),
        "novel_share": mean("novel_share"),
        "novel_weight": total("novel_weight"),
        "figures": total("numbers_unseen", "times_unseen", "numbers_spelled"),
        "contradicted": total("contradicted"),
        "unknown": total("unknown"),
        "hours": total("wrong_hours", "wrong_days"),
        "structured": told[0]["structured"],
        "bigrams": mean("bigrams"),
        "company": mean("company"),
        "words": log(sum(sizes)),
        "claims": log(len(told)),
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
