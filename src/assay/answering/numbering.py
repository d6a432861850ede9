"""How citations look in the text of an answer, for readers who see the text alone.

The rule: the n-th citation of an answer, counted from 1 in the order of ``Answer.citations``, is
marked ``[n]`` after the sentence that it supports, with a blank before it: ``... four days. [1][2]``.
In a row of a table the mark stands in the last cell; after a block of code, on a line of its own.
A sentence without support, where the application shows such, is marked ``[unsupported]``.

``Sentence.text`` and ``Answer.text`` hold no marks: whoever shows them to people adds them by this.
"""

from __future__ import annotations

from dataclasses import dataclass

from assay.answering.events import Sentence
from assay.answering.markers import mask

UNSUPPORTED = "[unsupported]"


@dataclass(frozen=True, slots=True)
class Shown:
    """A sentence for people, in three pieces, of which ``marks`` may be coloured. ``first`` is the
    number of the first citation."""

    before: str
    marks: str
    after: str
    first: int

    @property
    def text(self) -> str:
        return self.before + self.marks + self.after


class Numbering:
    """Numbers the citations of one answer, sentence by sentence."""

    def __init__(self) -> None:
        self._cited = 0

    def show(self, sentence: Sentence) -> Shown:
        """The next sentence with its marks."""
        first = self._cited + 1
        self._cited += len(sentence.citations)
        numbered = "".join(f"[{number}]" for number in range(first, self._cited + 1))
        marks = numbered if sentence.supported else UNSUPPORTED
        if not marks:
            return Shown(sentence.text, "", "", first)
        body = sentence.text.rstrip()
        tail = sentence.text[len(body) :]
        if body.endswith(("```", "~~~")):
            return Shown(f"{body}\n", marks, tail, first)
        if body.endswith("|") and body.lstrip().startswith("|"):
            return Shown(f"{body[:-1].rstrip()} ", marks, f" |{tail}", first)
        return Shown(f"{body} ", marks, tail, first)


def unmarked(text: str) -> str:
    """An earlier answer that a client sends back, without marks: their numbers mean nothing any more."""
    return mask(text.replace(f" {UNSUPPORTED}", "")).text
