"""Exact-offset segmentation of a text into sentences and structural units.

`segment` returns spans of the original string; nothing is normalised, so a span is a citation.
The method is rules in the manner of Kiss and Strunk (2006, "Unsupervised Multilingual Sentence
Boundary Detection": abbreviation, initial and ordinal tests with the following word's case as
evidence), without the training: lists stand in for the learnt types. Markdown blocks (CommonMark's
fences, ATX headings, list items, pipe tables) are separated first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    """What a span is: running prose, or a structural unit that is quoted whole."""

    PROSE = "prose"
    ITEM = "item"
    HEADING = "heading"
    ROW = "row"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Segment:
    """A half-open span [start, end) of the original text, free of outer white space."""

    start: int
    end: int
    unit: Unit

    def of(self, text: str) -> str:
        """The words of the span in `text`, the string that was segmented."""
        return text[self.start : self.end]


_LINE = re.compile(
    r"""[ \t]*(?:
        (?P<fence>```+|~~~+)
      | (?P<heading>\#{1,6}(?=[ \t]))
      | (?P<row>\|.*\|[ \t]*$)
      | (?P<item>(?:[-*+\u2022\u2023\u25e6\u25aa]|\(?(?:\d{1,3}|[a-zA-Z])[.)])(?=[ \t]+\S))
      | (?P<blank>\r?$)
    )""",
    re.VERBOSE | re.MULTILINE,
)

# A stop is a run of terminators with what closes it. Western terminators need white space after
# them; those of scripts written without spaces do not. The Penn-treebank closer '' and brackets
# may stand off by one space, as in tokenised corpora.
_STOP = re.compile(
    r"(?:(?<![.!?\u2026])[.!?\u2026]+(?:[\"'\u201d\u2019\u00bb)\]*_`]|[ ](?:''|[)\]\u201d]))*(?=\s|\Z)"
    r"|[\u3002\uff01\uff1f\uff61\u0964\u0965\u061f\u06d4\u1362\u0589]+"
    r"[\u300d\u300f\u201d\u2019\uff09\u3011\u300b\"')]*)"
)
_LAST_WORD = re.compile(r"(?:[^\W\d_]\.)*[^\W_]+\Z")
_NEXT_WORD = re.compile(r"[\s\"'`\u201c\u2018\u00ab(\[*_]*(?:--\s+)?(\w+)?")
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]\Z")
_OPENING_NUMBER = re.compile(r"\s*\(?(?:\d{1,3}|[a-zA-Z])\Z")


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_NEVER_FINAL = _listed("""mr mrs ms dr prof rev hon gov sen rep gen col maj capt lt sgt cmdr adm pres st ste mt ft
    messrs mme mlle vs v e.g i.e eg ie cf viz fig figs eq eqs sec ch chap vol vols pp p art nos
    approx ca est incl resp dept univ ed eds trans al z.b u.a bzw ca usw""")
_SELDOM_FINAL = _listed("""inc ltd co corp bros llc plc jr sr esq etc a.m p.m u.s u.k u.n d.c ph.d m.d b.c a.d no
    jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun ave blvd rd
    assn intl""")
_STARTERS = _listed("""the a an this that these those it its he she they we you i his her their our my there here
    in on at by for from with as if when while after before during since although though however
    moreover furthermore but and or so yet to both each some many most all one two no not what who
    where why how which according""")
_BEFORE_NUMBERS = _listed("no c b d r fl jan feb mar apr jun jul aug sep sept oct nov dec")
# No line ends by its author's will on one of these.
_DANGLING = _listed("a an the of to in on at by for from with and or but as is are was were be that which than")
_MEDIAL = frozenset(",;:")
# Below this many characters a line is taken to end by its author's will, not by wrapping.
_WRAP = 50


def segment(text: str) -> tuple[Segment, ...]:
    """Split `text` into sentences and structural units, in order and without overlap.

    Every character that is not white space lies in exactly one span. Code fences, headings and
    table rows are one unit each; list items and paragraphs are split into sentences, the first
    sentence of an item holding its marker. Time is linear in the length of `text`.
    """
    found: list[Segment] = []
    for start, end, unit in _blocks(text):
        if unit is Unit.PROSE or unit is Unit.ITEM:
            found.extend(_sentences(text, start, end, unit))
        else:
            _append(found, text, start, end, unit)
    return tuple(found)


def _blocks(text: str) -> Iterator[tuple[int, int, Unit]]:
    """Yield the block spans of `text`; together they hold every character that is not space."""
    at, length = 0, len(text)
    open_at, unit = -1, Unit.PROSE
    while at < length:
        newline = text.find("\n", at)
        after = length if newline < 0 else newline + 1
        line = _LINE.match(text, at, after - 1 if newline >= 0 else after)
        kind = line.lastgroup if line else None
        if kind is None:
            if open_at >= 0 and not _wrapped(text, at):
                yield open_at, at, unit
                open_at = -1
            if open_at < 0:
                open_at, unit = at, Unit.PROSE
            at = after
            continue
        if open_at >= 0:
            yield open_at, at, unit
            open_at = -1
        if kind == "fence":
            assert line is not None
            after = _fence_end(text, after, line["fence"])
            yield at, after, Unit.CODE
        elif kind == "item":
            open_at, unit = at, Unit.ITEM
        elif kind == "heading":
            yield at, after, Unit.HEADING
        elif kind == "row":
            yield at, after, Unit.ROW
        at = after
    if open_at >= 0:
        yield open_at, length, unit


def _wrapped(text: str, at: int) -> bool:
    """Whether the line that starts at `at` continues the sentence of the line before it."""
    before = text.rfind("\n", 0, at - 1) + 1
    first = text[at : at + 80].lstrip()[:1]
    if first.islower() or at - before > _WRAP:
        return True
    line = text[before:at].rstrip()
    return line.endswith(",") or line.rpartition(" ")[2] in _DANGLING


def _fence_end(text: str, at: int, fence: str) -> int:
    """The offset just after the line that closes `fence`, or the end of the text."""
    while at < len(text):
        newline = text.find("\n", at)
        after = len(text) if newline < 0 else newline + 1
        line = text[at:after].strip()
        if line.startswith(fence) and not line.strip(fence[0]):
            return after
        at = after
    return at


def _sentences(text: str, start: int, end: int, unit: Unit) -> list[Segment]:
    found: list[Segment] = []
    for stop in _STOP.finditer(text, start, end):
        if _ends(text, start, stop.start(), stop.end(), end):
            _append(found, text, start, stop.end(), unit)
            start = stop.end()
    _append(found, text, start, end, unit)
    return found


def _ends(text: str, start: int, stop: int, after: int, end: int) -> bool:
    """Whether the run of terminators [stop, after) closes the sentence opened at `start`."""
    mark = text[stop]
    if mark not in ".!?\u2026":
        return True
    following = _NEXT_WORD.match(text, after, end)
    word = following[1] if following else None
    if following and word is None and text[following.end() : following.end() + 1] in _MEDIAL:
        return False
    if stop > start and text[stop - 1].isspace() and mark != "\u2026" and text[stop : stop + 2] != "..":
        return True  # tokenised text sets its full stops apart
    if word is None:
        return True
    # Code keeps its own case: `assay ingest` may open a sentence.
    if word[0].islower() and not (following and "`" in text[after : following.start(1)]):
        return False
    if mark != "." or text[stop : stop + 2] == "..":
        return True
    before = _LAST_WORD.search(text, max(start, stop - 20), stop)
    if before is None:
        return True
    return _word_ends(before[0], text[start:stop] if stop - start < 8 else "", word)


def _word_ends(last: str, sentence: str, following: str) -> bool:
    """Whether `last` and a full stop end a sentence when the capitalised `following` comes next."""
    lowered = last.lower()
    if _OPENING_NUMBER.match(sentence):
        return False
    if lowered in _NEVER_FINAL:
        return False
    if lowered in _BEFORE_NUMBERS and following[0].isdigit():
        return False
    initial = len(last) == 1 and last.isupper()
    if initial or lowered in _SELDOM_FINAL or _DOTTED.match(last):
        return following.lower() in _STARTERS
    return True


def _append(found: list[Segment], text: str, start: int, end: int, unit: Unit) -> None:
    """Add the span without outer space; one that holds no word joins its predecessor."""
    words = text[start:end]
    bare = words.strip()
    if not bare:
        return
    start += len(words) - len(words.lstrip())
    end = start + len(bare)
    if found and not any(map(str.isalnum, bare)):
        found[-1] = Segment(found[-1].start, end, found[-1].unit)
    else:
        found.append(Segment(start, end, unit))
