"""An answer split into claims: what a faithfulness judge is asked about, one by one.

A claim is a sentence or a structural unit (item, row, heading) at its exact place in the answer.
What says nothing about the world is marked and not judged: a refusal, an opener such as "Here is a
summary of the passages:", a bare label, a closing courtesy, a question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from assay.language.refusals import refuses
from assay.language.segments import Segment, Unit, segment
from assay.language.terms import words

_OPENER = re.compile(
    r"\W*(?:sure|certainly|of course|okay|ok|absolutely|great question|thank you|thanks|hello|hi)\b.{0,160}[!:.]\W*\Z"
    r"|\W*(?:here(?:['’]s| is| are)|below (?:is|are)|the following (?:is|are)|in (?:summary|conclusion))\b"
    r"[^.]{0,200}:\W*\Z"
    r"|\W*(?:based on|according to|using|from) (?:the|these|this|your)\b[^.,]{0,60}"
    r"(?:,? (?:here|the following|below)\b[^.]{0,160})?:\W*\Z"
    r"|\W*(?:summary|answer|overview|output|response|note|conclusion|passages? \d+)\W*\Z",
    re.IGNORECASE | re.DOTALL,
)
_COURTESY = re.compile(
    r"\W*(?:i hope (?:this|that|it)\b|let me know\b|please (?:let me know|feel free)\b|feel free to\b|"
    r"is there anything else\b|hope (?:this|that) helps\b|"
    r"if you (?:have|need) (?:any|more|further)\b.{0,80}\b(?:ask|let me know))",
    re.IGNORECASE,
)
_UNABLE = re.compile(
    r"\W*unable to (?:answer|provide|determine|find)\b|\W*(?:no answer|n/?a|none|unknown|i don['’]?t know)\W*\Z",
    re.IGNORECASE,
)
_LABEL_WORDS = 6


@dataclass(frozen=True, slots=True)
class Claim:
    """The half-open span [start, end) of the answer; ``states`` is whether there is anything to support."""

    start: int
    end: int
    text: str
    states: bool


def claims(answer: str) -> tuple[Claim, ...]:
    """The sentences and structural units of ``answer``, in order, without overlap."""
    return tuple(Claim(s.start, s.end, said := s.of(answer), _states(said, s)) for s in segment(answer))


def _states(said: str, at: Segment) -> bool:
    told = words(said)
    if not told or all(word.isdigit() for word in told):
        return False
    if at.unit is Unit.HEADING or (said.rstrip("*_ ").endswith(":") and len(told) <= _LABEL_WORDS):
        return False
    if said.rstrip("\"'*_ ").endswith("?"):
        return False
    return not (_OPENER.match(said) or _COURTESY.match(said) or _UNABLE.match(said) or refuses(said))
