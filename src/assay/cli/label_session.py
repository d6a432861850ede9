"""A sitting: answers shown one after the other, keys read, every label kept at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.text import Text

from assay.cli.label_keys import END, Keys
from assay.cli.label_page import Place, doubts, page, plain_page
from assay.cli.output import out
from assay.evaluation.labelling.book import LabelBook
from assay.evaluation.labelling.questions import STEPS, Question, value_of
from assay.evaluation.labelling.queue import Plan, Shown
from assay.stores.labelled import Label

HINTED = "saw the judge's doubts"


@dataclass(slots=True)
class _Step:
    """An answer that was shown, and what was said of it; no label: skipped, or not yet answered."""

    shown: Shown
    label: Label | None = None
    hint: bool = False


@dataclass(frozen=True, slots=True)
class Sat:
    """What came of a sitting."""

    labelled: int
    cannot_tell: int
    skipped: int


@dataclass(slots=True)
class Session:
    """One rater at one terminal. ``count`` is how many answers to show, None for all that are left."""

    book: LabelBook
    plan: Plan
    asked: Question
    metric: str
    rater: str
    keys: Keys
    count: int | None = None
    _steps: list[_Step] = field(default_factory=list)
    _given: list[tuple[int, Label]] = field(default_factory=list)
    _told: str = ""

    def sit(self) -> Sat:
        """Show and ask until the rater quits, or nothing is left. Raises StoreError; what was said is kept."""
        at = 0
        while (step := self._step(at)) is not None:
            key = self._answered(step, at)
            if key == END:
                break
            at = self._moved(step, key, at)
        labels = [step.label for step in self._steps if step.label is not None]
        cannot_tell = sum(label.value is None for label in labels)
        # The last one was shown and left: that is no skip.
        skipped = sum(step.label is None for step in self._steps[:at])
        return Sat(len(labels) - cannot_tell, cannot_tell, skipped)

    def _step(self, at: int) -> _Step | None:
        if at < len(self._steps):
            return self._steps[at]
        if self.count is not None and at >= self.count:
            return None
        seen = {step.shown.item for step in self._steps}
        # Asked anew each time: somebody else may have labelled what was next.
        found = next((shown for shown in self.book.queue(self.plan) if shown.item not in seen), None)
        if found is None:
            return None
        self._steps.append(_Step(found))
        return self._steps[-1]

    def _moved(self, step: _Step, key: str, at: int) -> int:
        """Do what the key says; the place to go on at."""
        value = value_of(key, self.asked)
        if value is not None or key == "?":
            step.label = self.book.keep(step.shown, value, HINTED if step.hint else "")
            self._given.append((at, step.label))
            return at + 1
        if key == "s":
            return at + 1
        if key == "b":
            self._told = "" if at else "this is the first"
            return max(0, at - 1)
        return self._undone(at)

    def _undone(self, at: int) -> int:
        """Take the last label of this sitting back and show its answer again."""
        if not self._given:
            self._told = "nothing to undo in this sitting"
            return at
        last, label = self._given.pop()
        self.book.take_back(label)
        # An earlier label of the same answer, from before a step back, counts again.
        self._steps[last].label = next((each for place, each in reversed(self._given) if place == last), None)
        self._told = "taken back"
        return last

    def _answered(self, step: _Step, at: int) -> str:
        """Show the answer until a key is pressed that ends it."""
        part = 0
        self._draw(step, at, part)
        while True:
            key = self.keys.read()
            if value_of(key, self.asked) is not None or key in (END, "?", "s", "u", "b"):
                return key
            if key == "o":
                part += 1
            elif key == "h":
                step.hint = True
                self._told = "" if doubts(step.shown) else "the judge marks no place of this answer"
            else:
                keys = f"y, n or 1 to {STEPS}" if self.asked.graded else "y or n"
                self._told = f"that key means nothing here; {keys}, or one of the keys above"
            if self.keys.single or key == "h":
                self._draw(step, at, part)
            elif self._told:
                out.print(self._told, style="yellow", markup=False)
                self._told = ""

    def _draw(self, step: _Step, at: int, part: int) -> None:
        place = self._place(step, at)
        self._told = ""
        if not self.keys.single:
            for line in plain_page(step.shown, self.asked, place, min(out.width, 100), hint=step.hint):
                out.print(line)
            return
        size = out.size
        shown = page(step.shown, self.asked, place, (size.width, size.height), part=part, hint=step.hint)
        out.clear()
        # The last line has no end: one more would scroll the first away.
        out.print(Text("\n").join(shown.lines), end="", no_wrap=True, crop=True)
        out.file.flush()

    def _place(self, step: _Step, at: int) -> Place:
        left = len(self.book.queue(self.plan))
        waiting = sum(each.label is None for each in self._steps)
        whole = len(self._steps) + max(0, left - waiting)
        of = whole if self.count is None else min(self.count, whole)
        label = step.label
        said = "" if label is None else "cannot tell" if label.value is None else _words(label.value, self.asked)
        return Place(self.metric, self.rater, at + 1, of, self.book.given(), said, self._told)


def _words(value: float, asked: Question) -> str:
    if asked.graded:
        return str(round(value * (STEPS - 1)) + 1)
    return "yes" if value >= 0.5 else "no"
