"""Headings and title of Markdown, with their exact positions; the text itself stays unchanged."""

from __future__ import annotations

import re
from collections.abc import Iterator

from assay.documents import Mark

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?")
_LONGEST = 1_000
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*")
_NOT_HEADING = re.compile(r"\s*([>|]|[-*+][ \t]|\d+[.)][ \t]|    )")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKUP = re.compile(r"\*\*|__|`|\{#[^}]*\}")
_FRONT = re.compile(r"(---|\+\+\+)[ \t]*\r?\n")
_TITLE = re.compile(r"""title[ \t]*[:=][ \t]*(?:"([^"]*)"|'([^']*)'|(.*))""")


def lines(text: str, start: int = 0) -> Iterator[tuple[int, str]]:
    """Each line's position and content, without its line end."""
    end = len(text)
    while start < end:
        stop = text.find("\n", start)
        stop = end if stop < 0 else stop
        yield start, text[start:stop].removesuffix("\r")
        start = stop + 1


def headings(text: str) -> tuple[Mark, ...]:
    """ATX and setext headings outside of code fences and front matter, in order."""
    marks: list[Mark] = []
    fence, previous = "", (0, "")
    for start, line in lines(text, front_matter(text)[0]):
        fence, inside = next_fence(fence, line)
        if inside:
            previous = (start, "")
        elif (found := _ATX.fullmatch(line)) is not None:
            if label := plain(_unclosed(found[2] or "")):
                marks.append(Mark(start, "heading", label, len(found[1])))
            previous = (start, "")
        elif (under := _UNDERLINE.fullmatch(line)) and _may_be_heading(previous[1]):
            marks.append(Mark(previous[0], "heading", plain(previous[1]), 1 if under[1][0] == "=" else 2))
            previous = (start, "")
        else:
            # A setext heading is one line on its own; the last line of a paragraph is none.
            alone = not line.strip() or not previous[1].strip()
            previous = (start, line if alone else "|")
    return tuple(marks)


def next_fence(fence: str, line: str) -> tuple[str, bool]:
    """The fence that is open after this line, and whether the line belongs to a fenced block."""
    found = _FENCE.fullmatch(line)
    if not fence:
        opens = found is not None and not (found[1][0] == "`" and "`" in found[2])
        return (found[1], True) if found is not None and opens else ("", False)
    closes = found is not None and found[1][0] == fence[0] and len(found[1]) >= len(fence) and not found[2].strip()
    return ("" if closes else fence), True


def title(text: str, marks: tuple[Mark, ...]) -> str:
    """What the front matter says, or else the first heading of level 1, or else the first heading."""
    if given := front_matter(text)[1]:
        return given
    first = [mark.label for mark in marks if mark.level == 1] or [mark.label for mark in marks]
    return first[0] if first else ""


def front_matter(text: str) -> tuple[int, str]:
    """Where the text proper begins, and the title that the front matter gives."""
    opened = _FRONT.match(text)
    if opened is None:
        return 0, ""
    given = ""
    for start, line in lines(text, opened.end()):
        if line.rstrip() == opened[1]:
            return min(len(text), start + len(line) + 1), given
        if found := _TITLE.fullmatch(line):
            given = next(group for group in found.groups() if group is not None).strip()
        if start > 20_000:
            break
    return 0, ""


def plain(label: str) -> str:
    """A heading as it reads, without the commonest inline marks."""
    return _MARKUP.sub("", _LINK.sub(r"\1", label[:_LONGEST])).strip()


def _unclosed(label: str) -> str:
    """A heading without the hashes that may close it."""
    label = label.strip()
    opened = label.rstrip("#")
    return opened.strip() if not opened or opened[-1] in " \t" else label


def _may_be_heading(line: str) -> bool:
    return bool(line.strip()) and not _NOT_HEADING.match(line) and bool(plain(line))
