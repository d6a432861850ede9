"""An answer to label, as lines that fit a terminal. The judge's verdict is not among them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from assay.cli.output import out
from assay.evaluation.labelling.questions import Question
from assay.evaluation.labelling.queue import Shown
from assay.evaluation.samples import Answered

_ORDERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_KEYS = "? cannot tell  s skip  u undo  b back  h judge's doubts  q quit"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the rater is: the ``number``-th answer of this sitting, of ``of`` that may follow; ``given`` labels in
    all; ``said`` is what was answered before, where he came back."""

    metric: str
    rater: str
    number: int
    of: int
    given: int
    said: str = ""
    told: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One screen: the ``part``-th of ``parts``, counted from 0."""

    lines: tuple[Text, ...]
    part: int
    parts: int


def body(shown: Shown, asked: Question, width: int, *, hint: bool = False) -> list[Text]:
    """All that there is to read, wrapped: the answer, what was expected, the passages."""
    outcome = shown.result.outcome
    answer = outcome if isinstance(outcome, Answered) else Answered("")
    lines = _titled("ANSWER", _answer(answer, shown, hint=hint), width)
    if answer.abstained is not None:
        lines += _wrapped(Text(f"(abstained: {plain(answer.abstained)})", "dim"), width)
    if shown.case.expected and (asked.expected or not asked.evidence):
        lines += _titled("EXPECTED", Text(plain(" | ".join(shown.case.expected))), width)
    if asked.evidence:
        passages = answer.passages or ()
        for number, passage in enumerate(passages, 1):
            title = f"PASSAGE {number} of {len(passages)}  {plain(passage.title or passage.document)}"
            lines += _titled(title, Text(plain(passage.text)), width)
        if not passages:
            lines += _titled("PASSAGES", Text("none are known", "dim"), width)
    return lines


def page(shown: Shown, asked: Question, place: Place, size: tuple[int, int], *, part: int, hint: bool) -> Page:
    """One screen of ``size`` columns and lines. The parts go round: the one after the last is the first."""
    width, height = min(size[0], 100), size[1]
    head, foot = _head(shown, place, width), _foot(asked, place, width)
    lines = body(shown, asked, width, hint=hint)
    room = max(3, height - len(head) - len(foot) - 1)
    parts = max(1, -(-len(lines) // room))
    at = part % parts
    here = lines[at * room : (at + 1) * room]
    rest = len(lines) - (at + 1) * room
    more = f"── {rest} more line{'s' * (rest != 1)}: o ──" if rest > 0 else "── end; o: from the top ──"
    filler = [Text()] * (room - len(here))
    mark = [Text(more, "dim")] if parts > 1 else [Text()]
    return Page((*head, *here, *filler, *mark, *foot), at, parts)


def plain_page(shown: Shown, asked: Question, place: Place, width: int, *, hint: bool) -> list[Text]:
    """The same without pages, for a terminal that is written line by line."""
    return [*_head(shown, place, width), *body(shown, asked, width, hint=hint), *_foot(asked, place, width)]


def _head(shown: Shown, place: Place, width: int) -> list[Text]:
    left, right = f"{place.metric}  {place.number} of {place.of}", f"{place.rater}, {place.given} labelled"
    gap = max(2, width - cell_len(left) - cell_len(right))
    lines = [Text.assemble((left, "bold"), " " * gap, (right, "dim")), Text("─" * width, "dim")]
    question = _wrapped(Text(plain(shown.case.question), "bold"), width)
    for turn in shown.case.history[-2:]:
        lines += _wrapped(Text(f"{turn.role}: {plain(turn.text)}", "dim"), width)[:2]
    return [*lines, *question[:4], *([Text("…")] if len(question) > 4 else [])]


def _foot(asked: Question, place: Place, width: int) -> list[Text]:
    scale = "1 not at all … 5 wholly   (y = 5, n = 1)" if asked.graded else "y yes   n no"
    lines = [Text("─" * width, "dim"), *_wrapped(Text(asked.words, "bold"), width)]
    lines += _wrapped(Text.assemble((scale, "bold cyan"), ("   " + _KEYS, "dim")), width)
    said = f"you said {place.said}; another key changes that" if place.said else ""
    status = Text("; ".join(part for part in (place.told, said) if part), "yellow")
    status.truncate(width)
    return [*lines, status]


def _answer(answer: Answered, shown: Shown, *, hint: bool) -> Text:
    text = Text(plain(answer.text))
    if hint:
        for start, end in doubts(shown):
            text.stylize("bold red underline", start, end)
    return text


def doubts(shown: Shown) -> list[tuple[int, int]]:
    """The places of the answer that the judge found unsupported, as far as it says."""
    details = [measured.detail for measured in shown.result.scores.values() if "unsupported" in measured.detail]
    return [(int(start), int(end)) for start, end in details[0]["unsupported"]] if details else []


def _titled(title: str, text: Text, width: int) -> list[Text]:
    return [Text(), Text(title[:width], "cyan"), *_wrapped(text, width)]


def _wrapped(text: Text, width: int) -> list[Text]:
    return list(text.wrap(out, width))


def plain(text: str) -> str:
    """Text that gives the terminal no orders; every character keeps its place."""
    return _ORDERS.sub("\ufffd", text.replace("\t", " "))
