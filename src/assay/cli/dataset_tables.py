"""What ``assay dataset`` prints for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from assay.evaluation.scoring import Spent
from assay.evaluation.synthesis.candidates import Admitted, Event

if TYPE_CHECKING:
    from assay.evaluation.datasets.summary import Summary


def summary_lines(of: Summary, parts: Sequence[Mapping[str, Any]], shared: int) -> Iterator[str]:
    """A dataset at a glance, as markup."""
    yield f"[bold]{escape(of.name)}[/]  {_count(of.cases, 'case')}  digest {of.digest[:12]}"
    if len(parts) > 1:
        for part in parts:
            yield f"  {escape(part['file'])}: {_count(part['cases'], 'case')}, digest {part['digest'][:12]}"
        if shared:
            groups = _count(shared, "group")
            yield f"  [yellow]{groups} of cases on the same documents, or asking the same, in more than one file[/]"
    yield f"with an expected answer  {of.expected}"
    yield f"with relevant documents  {of.relevant}  ({_count(of.documents, 'document')})"
    unknown = of.cases - of.answerable - of.unanswerable
    yield f"answerable               {of.answerable} yes, {of.unanswerable} no, {unknown} not said"
    for name, count in (("earlier turns", of.history), ("access groups", of.access), ("expected calls", of.calls)):
        if count:
            yield f"{'with ' + name:<24} {count}"
    yield f"from                     {_counts(of.sources)}"
    for name, values in of.tags.items():
        yield f"tag {escape(name):<20} {_counts(values)}"
    yield f"clusters                 {of.clusters}  (in {_count(of.components, 'group')} that a split keeps together)"
    if of.detectable is None or of.detectable >= 1:
        yield "[dim]too few to show a difference between two releases[/]"
    else:
        yield (
            f"[dim]if one case in five came out otherwise, so many would show a difference of "
            f"{of.detectable:.2f} in a yes-or-no score[/]"
        )


@dataclass(slots=True)
class Tally:
    """What became of the candidates of a synthesis."""

    admitted: Counter[str] = field(default_factory=Counter)
    rejected: dict[str, Counter[str]] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    spent: Spent = field(default_factory=Spent)

    def count(self, event: Event) -> None:
        """Take an event into account."""
        self.spent += event.spent
        if isinstance(event, Admitted):
            self.admitted[event.kind] += 1
            self.ids.append(event.case.id)
        else:
            self.rejected.setdefault(event.kind, Counter())[event.reason] += 1

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "added": self.ids,
            "admitted": dict(self.admitted),
            "rejected": {kind: dict(reasons.most_common()) for kind, reasons in self.rejected.items()},
            "calls": self.spent.calls,
            "input_tokens": self.spent.input_tokens,
            "output_tokens": self.spent.output_tokens,
            "cost": self.spent.cost,
        }

    def lines(self, wanted: Mapping[Any, int], path: Path) -> Iterator[str]:
        """For people."""
        for kind, count in wanted.items():
            yield f"{kind}: {self.admitted[kind]} of {count} admitted"
            for reason, rejected in self.rejected.get(kind, Counter()).most_common():
                yield f"  {rejected} rejected: {reason}"
            if self.admitted[kind] < count and not self.spent.calls:
                yield "  no language model in the route: there are only the headings that are questions; see --model"
        cost = "cost unknown" if self.spent.cost is None else f"{self.spent.cost:.4f} USD"
        yield f"{_count(self.spent.calls, 'model call')}, {cost}; added {_count(len(self.ids), 'case')} to {path}"


def _count(number: int, of: str) -> str:
    return f"{number} {of}{'s' * (number != 1)}"


def _counts(values: Mapping[str, int]) -> str:
    shown = sorted(values.items(), key=lambda pair: (-pair[1], pair[0]))
    more = f", … ({len(shown) - 12} more)" if len(shown) > 12 else ""
    return ", ".join(f"{escape(value)} {count}" for value, count in shown[:12]) + more
