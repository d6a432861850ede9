"""Whether nothing was answered: marked so, or said in so many words."""

from __future__ import annotations

import re

from assay.evaluation.samples import Answered, Failed, Outcome
from assay.evaluation.scorers.definition import failure, stated
from assay.language.refusals import refuses
from assay.language.segments import segment
from assay.language.terms import terms

_TURN = re.compile(
    r"[,;:\u2014\u2013-]?\s*\b(?:but|however|although|though|nevertheless|still)\b[\s,:]*", re.IGNORECASE
)
# What follows a refusal and still tells nothing: an offer, advice, or what the evidence is about instead.
_OFFER = re.compile(
    r"(?:(?:i|we) (?:can|could|may|might|will|would|am|are|hope)\b|(?:i|we)['\u2019](?:m|d|ll|re)\b"
    r"|(?:you|please|feel|let|if)\b"
    r"|(?:they|it|the (?:passages?|documents?|contexts?|texts?|sources?))"
    r" (?:do|does|mention|contain|speak|talk|discuss)\w*\b)",
    re.IGNORECASE,
)


def abstention(answer: Answered) -> str | None:
    """Why nothing was answered; None for an answer.

    A text that only says that it does not know is an abstention too, whoever wrote it: at least one
    sentence refuses, none goes on to answer all the same, and none of the others states anything.
    """
    if answer.abstained is not None:
        return answer.abstained
    refusals = [said for part in segment(answer.text) if refuses(said := part.of(answer.text))]
    if not refusals or any(map(_goes_on, refusals)):
        return None
    return None if stated(answer.text) else "the answer says that it has none"


def _goes_on(refusal: str) -> bool:
    """Whether a sentence that refuses says something after all: "I have no live data, but it was Lungu in 2020"."""
    spoken = " ".join(refusal.split())  # the pattern takes quadratic time over a run of white space
    turned = _TURN.search(spoken)
    if turned is None:
        return False
    rest = spoken[turned.end() :]
    return len(terms(rest)) > 1 and not refuses(rest) and _OFFER.match(rest) is None


def unanswered(outcome: Outcome) -> str | None:
    """Why there is no text to judge: failed, abstained, or empty; None where there is one."""
    if isinstance(outcome, Failed):
        return failure(outcome)
    if abstention(outcome) is not None:
        return "abstained"
    return None if outcome.text.strip() else "the answer is empty"
