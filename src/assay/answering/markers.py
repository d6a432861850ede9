"""Markers in a draft: the numbers by which a writer says what its words rest on.

Read as markers: ``[1]``, ``[1, 2]``, ``[1-3]``, ``[1][2]``, ``[^1]``, ``[Passage 1]``, ``【1】`` and
``【1†source】``, also inside round brackets. Not read as markers: numbers in round brackets alone,
which prose uses to count and to date, and anything inside code.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_NAMED = r"(?:(?:passages?|sources?|documents?|docs?|refs?|references?)[ \t]*)?"
_NUMBERS = r"\^?\d{1,3}(?:[ \t]*(?:[,;&–-]|and)[ \t]*\^?\d{1,3})*"
_ONE = rf"(?:\[\[?{_NAMED}{_NUMBERS}\]\]?|【{_NAMED}{_NUMBERS}(?:†[^】\n]{{0,40}})?】)"
_RUN = rf"{_ONE}(?:[ \t]*(?:,|;|and)?[ \t]*{_ONE})*"
_CODE = r"(?:^[ \t]*(?P<fence>```+|~~~+).*?(?:^[ \t]*(?P=fence)[`~]*[ \t]*$|\Z)|`[^`\n]*`)"
_MARKER = re.compile(
    rf"(?P<code>{_CODE})|(?P<space>[ \t]*)(?:\([ \t]*(?P<inner>{_RUN})[ \t]*\)|(?P<run>{_RUN}))",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
_NUMBER = re.compile(r"(\d{1,3})(?:[ \t]*[–-][ \t]*\^?(\d{1,3}))?")
_OPEN = re.compile(r"[\[【][^\]】\n]{0,48}\Z")
# Words after which a marker is a part of the sentence: "according to [1]".
_NOUN_AFTER = re.compile(
    r"\b(?:according to|as per|as in|in|from|per|by|see|of|to|with|both|and|passages?|sources?|documents?)\Z",
    re.IGNORECASE,
)
_OPENING = re.compile(r"\s*(?:[-*+•][ \t]+|\d{1,3}[.)][ \t]+)?\Z")


@dataclass(frozen=True, slots=True)
class Marked:
    """A text without its markers. ``claim`` leaves them out, ``shown`` has a title where one was a noun.

    ``numbers`` are the passages named, in order and once each.
    """

    claim: str
    shown: str
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Masked:
    """A text without its markers, and for each of its characters the offset in the raw text."""

    text: str
    offsets: tuple[int, ...]

    def raw(self, offset: int) -> int:
        """The raw offset of a character of the masked text."""
        return self.offsets[offset]


def read(text: str, title: Callable[[int], str | None]) -> Marked:
    """Take the markers out of a complete sentence.

    ``title`` gives the title of a passage by number, None for a number that does not exist:
    such a marker leaves no trace.
    """
    claim: list[str] = []
    shown: list[str] = []
    numbers: dict[int, None] = {}
    at = 0
    for match in _MARKER.finditer(text):
        if match["code"] is not None:
            continue
        before, found = text[at : match.start()], _numbers(match["inner"] or match["run"])
        numbers.update(dict.fromkeys(found))
        gap = _gap(text, match)
        claim += [before, gap]
        shown += [before, _noun(text, match, found, title) or gap]
        at = match.end()
    rest = text[at:]
    return Marked(("".join(claim) + rest).strip(), ("".join(shown) + rest).strip(), tuple(numbers))


def mask(text: str) -> Masked:
    """``text`` without markers, for finding where its sentences end."""
    kept: list[str] = []
    offsets: list[int] = []
    at = 0
    for match in _MARKER.finditer(text):
        if match["code"] is not None:
            continue
        kept.append(text[at : match.start()])
        offsets.extend(range(at, match.start()))
        if _gap(text, match):
            kept.append(" ")
            offsets.append(match.start())
        at = match.end()
    kept.append(text[at:])
    offsets.extend(range(at, len(text)))
    return Masked("".join(kept), tuple(offsets))


def unclosed(text: str) -> bool:
    """Whether ``text`` ends inside what may become a marker."""
    return _OPEN.search(text) is not None


def _numbers(run: str) -> list[int]:
    found: list[int] = []
    for match in _NUMBER.finditer(run):
        first, last = int(match[1]), int(match[2] or match[1])
        found.extend(range(first, last + 1) if first <= last <= first + 20 else (first, last))
    return found


def _gap(text: str, match: re.Match[str]) -> str:
    """What stands in a marker's place: a blank if words would run together otherwise."""
    following = text[match.end() : match.end() + 1]
    return " " if following.isalnum() and match.start() > 0 else ""


def _noun(text: str, match: re.Match[str], numbers: list[int], title: Callable[[int], str | None]) -> str | None:
    """The title to show for a marker that the grammar of its sentence needs, None for the others."""
    before = text[max(0, match.start() - 40) : match.start()]
    opens = match.start() <= 8 and _OPENING.match(text[: match.end("space")]) is not None
    verb = re.match(r"[ \t]+[a-z]", text[match.end() :]) is not None
    if not (_NOUN_AFTER.search(before) or (opens and verb)):
        return None
    titles = list(dict.fromkeys(f"“{found}”" for number in numbers if (found := title(number))))
    return f"{match['space']}{' and '.join(titles) or 'the documents'}"
