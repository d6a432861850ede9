"""What can be said of a candidate without a model: its form, its support, whether it repeats another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from assay.evaluation.synthesis.candidates import Candidate
from assay.evaluation.synthesis.choosing import overlap
from assay.language.refusals import refuses
from assay.language.terms import asked, numbers, terms, words

NOT_A_QUESTION = "not one question"
POINTS_AT_PASSAGE = "speaks of its passage, which a user does not see"
GIVES_AWAY = "gives its answer away"
UNSUPPORTED = "its answer is not in the passage"
OFF_SUBJECT = "is not on its passage's subject"
DUPLICATE = "asks what another case asks"

_SHORTEST, _LONGEST = 3, 60  # words
_SAME = 0.8
_SUPPORTED = 0.7
_AGREES = 0.5
_ON_SUBJECT = 1 / 3
_THING = r"(?:passages?|texts?|excerpts?|documents?|sections?|articles?|paragraphs?|contexts?|snippets?)"
_POINTING = re.compile(
    rf"\b(?:according to|based on|in|from|by|described in|mentioned in) (?:the|this|these|both|either) "
    rf"(?:\w+ )?{_THING}\b"
    rf"|\b(?:this|these|both|the (?:given|provided|above|following|first|second|other)) (?:two )?{_THING}\b"
    r"|\bthe (?:passages?|excerpts?|snippets?)\b|\bpassage [AB12]\b|\bthe author\b|\bmentioned (?:above|here)\b",
    re.IGNORECASE,
)


def mistake(candidate: Candidate) -> str | None:
    """Why a candidate is not admitted, as far as its words tell; None where they do not."""
    question = candidate.question
    if not question.endswith("?") or not _SHORTEST <= len(words(question)) <= _LONGEST or "\n" in question:
        return NOT_A_QUESTION
    if _POINTING.search(question):
        return POINTS_AT_PASSAGE
    if candidate.seed.kind == "unanswerable" and not on_subject(candidate):
        return OFF_SUBJECT
    if candidate.expected is None:
        return None
    told, said = set(terms(question)), terms(candidate.expected)
    if said and told.issuperset(said):
        return GIVES_AWAY
    return None if supported(candidate) else UNSUPPORTED


def on_subject(candidate: Candidate) -> bool:
    """Whether the passages hold a third of the words that say what is asked about.

    A question on something else is unanswerable too, and tells nothing: any system abstains from it.
    """
    told = set(asked(candidate.question))
    return len(told & set(terms(_evidence(candidate)))) >= _ON_SUBJECT * len(told)


def _evidence(candidate: Candidate) -> str:
    return "\n\n".join(f"{passage.context}\n{passage.text}" for passage in candidate.seed.passages)


def supported(candidate: Candidate) -> bool:
    """Whether the passages hold the numbers of the answer and most of the words that the question does not."""
    answer, question = candidate.expected or "", candidate.question
    evidence = _evidence(candidate)
    # A spelled number may be a word like any other: "one of them".
    stated = numbers(answer, spelled=False) - numbers(question)
    if not stated <= numbers(evidence):
        return False
    new = set(terms(answer)) - set(terms(question))
    return len(new & set(terms(evidence))) >= _SUPPORTED * len(new)


def repeats(question: str, others: Iterable[str]) -> bool:
    """Whether one of the others asks nearly the same: four fifths of the terms, and the same numbers."""
    return any(
        overlap(asked(question), asked(other)) >= _SAME and numbers(question) == numbers(other) for other in others
    )


def agree(expected: str, answer: str, question: str) -> bool:
    """Whether an answer says what was expected: its numbers, and half of its words, or nothing but its words."""
    if refuses(answer):
        return False
    known = set(terms(question))
    wanted, said = set(terms(expected)), set(terms(answer))
    if not wanted:  # "No.", "Both": words of no content
        return words(expected)[:1] != [] and [w.lower() for w in words(answer)[:1]] == [words(expected)[0].lower()]
    if not numbers(expected) - numbers(question) <= numbers(answer):
        return False
    # What the question says already tells nothing of the answer.
    core = wanted - known or wanted
    return len(core & said) >= _AGREES * len(core) or bool(said - known and said - known <= wanted)


def rank_of(documents: Sequence[str], found: Sequence[str]) -> int | None:
    """The rank from 1 of the last of ``documents`` among those found; None where one was not found."""
    order = list(dict.fromkeys(found))
    return max(order.index(each) for each in documents) + 1 if set(documents) <= set(order) else None
