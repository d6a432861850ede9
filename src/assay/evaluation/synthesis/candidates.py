"""What synthesis works with: a corpus, seeds of questions, candidates, and what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, get_args

from assay.documents import PUBLIC, Chunk
from assay.evaluation.cases import Case
from assay.evaluation.scoring import Spent

Kind: TypeAlias = Literal["single-passage", "multi-passage", "unanswerable"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Corpus(Protocol):
    """The documents to ask about: all their chunks, and a search of them as a reader of ``groups`` sees it."""

    def chunks(self) -> Iterable[Chunk]: ...

    async def search(self, question: str, *, k: int, groups: frozenset[str]) -> Sequence[Chunk]: ...


@dataclass(frozen=True, slots=True)
class Seed:
    """The passages that a question is to be written about; ``link`` is what two of them share."""

    kind: Kind
    passages: tuple[Chunk, ...]
    link: str = ""

    @property
    def documents(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(passage.document for passage in self.passages))

    @property
    def access(self) -> tuple[str, ...] | None:
        """The fewest groups with which all passages can be read; None where everybody can."""
        needed = {min(passage.access) for passage in self.passages if PUBLIC not in passage.access}
        return tuple(sorted(needed)) or None

    @property
    def groups(self) -> frozenset[str]:
        return frozenset({PUBLIC, *(self.access or ())})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question that somebody wrote about a seed; ``expected`` is None where the answer was not said."""

    seed: Seed
    question: str
    expected: str | None


@dataclass(frozen=True, slots=True)
class Admitted:
    """A case that passed every check."""

    case: Case
    kind: Kind
    spent: Spent = field(default_factory=Spent)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate that did not, or none that could be read; ``question`` may be empty."""

    kind: Kind
    reason: str
    question: str = ""
    spent: Spent = field(default_factory=Spent)


Event: TypeAlias = Admitted | Rejected
