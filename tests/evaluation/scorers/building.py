"""Samples for the tests of scorers, made in one line each."""

from __future__ import annotations

from typing import Any

from assay.documents import Citation
from assay.evaluation.cases import Case
from assay.evaluation.samples import Answered, Passage, Sample
from assay.scores import Score, Scored, Unscored

HOTEL = Passage("travel.md", 0, 61, "A hotel may cost up to 140 euros a night, breakfast included.", "Travel")
TRAINS = Passage("travel.md", 80, 115, "Trains are booked in second class.", "Travel")
HOLIDAYS = Passage("holidays.md", 0, 53, "Every employee has 30 days of paid holiday each year.", "Holidays")


def sample(text: str = "A hotel may cost up to 140 euros a night.", *, question: str = "", **known: Any) -> Sample:
    """A sample; a field of Case goes to the case, any other to the answer."""
    of_case = {name: known.pop(name) for name in list(known) if name in Case.__dataclass_fields__ and name != "state"}
    if "wanted_state" in known:
        of_case["state"] = known.pop("wanted_state")
    if "wanted_calls" in known:
        of_case["calls"] = known.pop("wanted_calls")
    if "made_calls" in known:
        known["calls"] = known.pop("made_calls")
    case = Case("1", question or "How much may a hotel cost?", **of_case)
    return Sample(case, Answered(text, **known))


def cite(passage: Passage, sentence: str, quote: str | None = None) -> Citation:
    """A citation of a passage, or of a part of it."""
    quote = passage.text if quote is None else quote
    at = passage.start + max(passage.text.find(quote), 0)
    return Citation(passage.document, "c", at, at + len(quote), quote, sentence)


def value(score: Score) -> float:
    assert isinstance(score, Scored), score
    return score.value


def reason(score: Score) -> str:
    assert isinstance(score, Unscored), score
    return score.reason
