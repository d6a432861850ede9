"""A case: a question with what is known of its right answer. A dataset: cases under one digest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assay.digest import Digest, digest
from assay.messages import Turn


@dataclass(frozen=True, slots=True)
class ExpectedCall:
    """A tool call that an agent should make; ``arguments`` are compared as JSON values."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked and what is known about the answer. A field that nobody knows is None.

    ``expected`` are answers of which each is right; ``relevant`` ids of the documents that answer
    it, in no order; ``answerable`` whether the documents answer it at all; ``access`` the groups of who
    asks, where not everybody may read everything; ``calls`` and ``state`` what an agent should do and
    leave behind. ``tags`` slice a report; ``provenance`` says where the case comes from (``source``:
    human, trace, synthetic, …). ``cluster`` names what the case shares with others, so that they are
    not counted as independent: by default its first relevant document, or its question.
    """

    id: str
    question: str
    expected: tuple[str, ...] | None = None
    relevant: tuple[str, ...] | None = None
    answerable: bool | None = None
    history: tuple[Turn, ...] = ()
    access: tuple[str, ...] | None = None
    calls: tuple[ExpectedCall, ...] | None = None
    state: Any = None
    tags: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    cluster: str | None = None

    @property
    def group(self) -> str:
        """The cluster that the case belongs to: where nothing is named, that of the cases that ask the same."""
        if self.cluster is not None:
            return f"cluster:{self.cluster}"
        return f"document:{self.relevant[0]}" if self.relevant else f"question:{self.asked}"

    @property
    def asked(self) -> Digest:
        """Changes with whatever an answer may depend on: what is asked, after what, and by whom."""
        return digest(
            {
                "question": self.question,
                "history": [[turn.role, turn.text] for turn in self.history],
                "access": None if self.access is None else sorted(self.access),
            }
        )

    @property
    def digest(self) -> Digest:
        """Changes with whatever an answer or a score may depend on: not with tags, provenance and cluster."""
        return digest(
            {
                "question": self.question,
                "expected": self.expected,
                "relevant": None if self.relevant is None else sorted(self.relevant),
                "answerable": self.answerable,
                "history": [[turn.role, turn.text] for turn in self.history],
                "access": None if self.access is None else sorted(self.access),
                "calls": None if self.calls is None else [[c.name, dict(c.arguments)] for c in self.calls],
                "state": self.state,
            }
        )


@dataclass(frozen=True, slots=True)
class Dataset:
    """Cases with distinct ids, in the order of their file. ``name`` is for people."""

    name: str
    cases: tuple[Case, ...]

    @property
    def digest(self) -> Digest:
        """The dataset's version: all of every case, in whatever order they stand."""
        return digest(sorted([case.id, case.digest, dict(case.tags), case.group] for case in self.cases))

    def only(self, ids: Sequence[str]) -> Dataset:
        """The cases with these ids, in the dataset's order."""
        wanted = frozenset(ids)
        return Dataset(self.name, tuple(case for case in self.cases if case.id in wanted))
