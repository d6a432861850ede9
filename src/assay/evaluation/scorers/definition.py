"""What the scorers share: an identity, a reason for every metric, and readings of a case that several need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from assay.digest import digest
from assay.evaluation.cases import Case
from assay.evaluation.judges.claims import Claim, claims
from assay.evaluation.samples import Failed
from assay.evaluation.scoring import Measured, Metric, Spent
from assay.language.terms import words
from assay.scores import Unscored


def identified(name: str, version: int, **settings: object) -> str:
    """An identity that changes with the definition's version and with every setting (JSON-like values)."""
    return f"{name}:{version}:{digest(settings)[:16]}" if settings else f"{name}:{version}"


def unscored(metrics: Iterable[Metric], reason: str, spent: Spent | None = None) -> dict[str, Measured]:
    """The same reason for every metric; what was spent before is told once, with the first."""
    names = [metric.name for metric in metrics]
    found = {name: Measured(Unscored(reason)) for name in names}
    if spent is not None and names:
        found[names[0]] = Measured(Unscored(reason), spent=spent)
    return found


def failure(outcome: Failed) -> str:
    """Why nothing can be said of an answer that is none."""
    return f"the answer failed: {outcome.kind}"


def answerable(case: Case) -> bool | None:
    """Whether the documents answer the case: as it says, or else true where an answer or its place is known."""
    if case.answerable is not None:
        return case.answerable
    return True if case.expected or case.relevant else None


def told(measured: Mapping[str, Measured], spent: Spent) -> dict[str, Measured]:
    """The measures with all that was spent on them told once, with the first."""
    found = dict(measured)
    first = next(iter(found))
    found[first] = Measured(found[first].score, found[first].detail, spent)
    return found


def stated(text: str) -> list[Claim]:
    """The claims of a text that state something. A text of nothing but a number answers a question: it is one."""
    every = claims(text)
    found = [claim for claim in every if claim.states]
    if not found and len(every) == 1 and (said := words(every[0].text)) and all(word.isdigit() for word in said):
        return list(every)
    return found
