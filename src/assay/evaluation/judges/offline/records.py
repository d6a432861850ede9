"""A claim against the records of a JSON context: truth values, and opening hours by day."""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from assay.evaluation.judges.offline.evidence import DAYS, WORD, Evidence, Fact, bare, clock, content, negates
from assay.language.terms import stem

# A negation reaches to where the sentence turns, or to its next clause with a verb of its own.
_VERB = r"(?:is|are|has|have|does|do|did|offers?|provides?|accepts?|takes?|allows?|features?|includes?|lacks?|also|can)"
_TURN = re.compile(
    r"\b(?:but|however|although|though|whereas|yet|while|rather than)\b|;"
    rf"|,\s(?=(?:it|they|there|the|this|customers|guests|its|with|without|no|{_VERB})\b)"
    rf"|\s(?:and|with)\s(?=(?:it|they|there|no|not|{_VERB})\b)",
    re.IGNORECASE,
)
_RATHER = re.compile(r"rather than\b", re.IGNORECASE)
_UNTOLD = re.compile(
    r"\b(?:specif\w+|mention\w*|unclear|unknown|information|listed|stated|indicat\w+|null|detail\w*)\b", re.IGNORECASE
)
_DAY = re.compile(
    r"\b(?P<day>mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:days?)?\b"
    r"|\b(?P<all>weekdays?|weekends?|every day|open daily|daily from|days a week)\b"
)
_TO = re.compile(r"\W*(?:to|through|thru|till|until|and|[-–—])\W*")
_THROUGH = re.compile(r"\s*(?:to|through|thru|until|[-–—])\s*")
_LOOSE = re.compile(r"\b(?:extend\w*|except\w*|later|earlier|until|happy hour|brunch|lunch|varying|vary)\b")
_CLOSED = re.compile(r"\bclosed (?:on )?(?P<day>mon|tues|wednes|thurs|fri|satur|sun)days?\b")
_ALWAYS = re.compile(r"\b24/7\b|\b24 hours\b")
_DAILY = re.compile(r"\b(?:seven|7) days a week\b|\bevery day\b|\bopen daily\b")
_PHRASE = 3


@dataclass(frozen=True, slots=True)
class Records:
    """How many records a claim meets: agreeing, contradicted, or of unknown value; and its hours.

    ``wrong_hours`` counts pairs of times that no day has, ``wrong_days`` days that have others.
    """

    agreeing: int
    contradicted: int
    unknown: int
    hours: int
    wrong_hours: int
    wrong_days: int


def records(claim: str, by: Evidence) -> Records:
    """Compare ``claim`` with the facts and hours of ``by``; all counts are 0 where it has none."""
    found = [_verdict(fact, negated, untold) for fact, negated, untold in _mentions(claim, by)]
    hours, wrong_hours, wrong_days = _hours(claim, by)
    return Records(found.count(1), found.count(-1), found.count(0), hours, wrong_hours, wrong_days)


def _verdict(fact: Fact, negated: bool, untold: bool) -> int:
    if fact.holds is None:
        return 1 if untold else 0
    return 1 if fact.holds is not negated else -1


def _mentions(claim: str, by: Evidence) -> Iterator[tuple[Fact, bool, bool]]:
    """Each fact that ``claim`` names, whether it denies it there, and whether it says that it is not known."""
    if not by.facts:
        return
    parked = "park" in claim.lower() or "valet" in claim.lower()
    cuts = [0, *(turn.start() for turn in _TURN.finditer(claim)), len(claim)]
    for start, end in itertools.pairwise(cuts):
        scope = claim[start:end]
        spoken = [bare(word) for word in WORD.findall(scope)]
        phrases = {"".join(spoken[i : i + n]) for i in range(len(spoken)) for n in range(1, _PHRASE + 1)}
        stems = {stem(word) for word in spoken if content(word)}
        negated = any(map(negates, spoken)) or _RATHER.match(scope) is not None
        untold = _UNTOLD.search(scope) is not None
        for fact in by.facts:
            if "park" in fact.within and not parked:
                continue  # "street", "lot" and "garage" mean parking only beside it
            if fact.compact in phrases or fact.key <= stems:
                yield fact, negated, untold


def _hours(claim: str, by: Evidence) -> tuple[int, int, int]:
    lowered = claim.lower()
    pairs = _pairs(lowered)
    if not by.hours:
        return len(pairs), 0, 0
    known = {_half(*pair) for pair in by.hours.values()}
    wrong = sum(_half(first, last) not in known for _, first, last in pairs)
    days = 0
    if pairs and not _LOOSE.search(lowered):
        days = sum(_differs(day, pair, by) for day, pair in _attributed(lowered, pairs))
    days += sum(_open(closed["day"], by) for closed in _CLOSED.finditer(lowered))
    days += bool(_DAILY.search(lowered)) and len(by.hours) < len(DAYS)
    days += bool(_ALWAYS.search(lowered)) and not any(first == last for first, last in by.hours.values())
    return len(pairs), wrong, days


def _half(first: int, last: int) -> tuple[int, int]:
    """The pair on a clock of twelve hours: half of the answers leave out am and pm."""
    return first % 720, last % 720


def _pairs(lowered: str) -> list[tuple[int, int, int]]:
    """(offset, opening, closing) of "9 am to 5 pm"."""
    times, found, at = clock(lowered), [], 0
    while at + 1 < len(times):
        between = lowered[times[at][1] : times[at + 1][0]]
        if _TO.fullmatch(between):
            found.append((times[at][0], times[at][2], times[at + 1][2]))
            at += 1
        at += 1
    return found


def _attributed(lowered: str, pairs: list[tuple[int, int, int]]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Each day named with the pair of times that belongs to it: the one after it, or before if times lead."""
    groups = _groups(lowered)
    leads = bool(groups) and pairs[0][0] < groups[0][0]
    starts = [start for start, _, _ in pairs]
    for at, days in groups:
        near = bisect_left(starts, at) - leads
        if 0 <= near < len(pairs):
            _, first, last = pairs[near]
            yield from ((day, (first, last)) for day in days)


def _groups(lowered: str) -> list[tuple[int, tuple[str, ...]]]:
    found: list[tuple[int, tuple[str, ...]]] = []
    end, before = 0, None
    for match in _DAY.finditer(lowered):
        if match["all"]:
            said = match["all"]
            found.append((match.start(), DAYS[:5] if "weekday" in said else DAYS[5:] if "weekend" in said else DAYS))
            before = None
            continue
        day = next(i for i, name in enumerate(DAYS) if name.startswith(match["day"]))
        if before is not None and _THROUGH.fullmatch(lowered[end : match.start()]):
            found[-1] = (found[-1][0], tuple(DAYS[(before + i) % 7] for i in range((day - before) % 7 + 1)))
            before = None
        else:
            found.append((match.start(), (DAYS[day],)))
            before = day
        end = match.end()
    return found


def _differs(day: str, pair: tuple[int, int], by: Evidence) -> bool:
    known = by.hours.get(day)
    return known is None or (known[0] != known[1] and _half(*known) != _half(*pair))


def _open(day: str, by: Evidence) -> bool:
    first, last = next((pair for name, pair in by.hours.items() if name.startswith(day)), (0, 0))
    return first != last
