"""A sample: a case and what came of asking it. The same whether asked for a measurement or found in a trace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from assay.digest import Digest, digest
from assay.documents import Citation
from assay.evaluation.cases import Case
from assay.messages import ToolCall
from assay.models.chat import Usage


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of evidence as the writer saw it; ``text`` is exactly ``document.text[start:end]``."""

    document: str
    start: int
    end: int
    text: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, or an abstention, with all that a scorer may look at.

    ``retrieved`` are document ids by rank, each once; ``passages`` what the writer was given, in order;
    None where it is unknown, as in a trace without content. ``abstained`` is the reason, None for an
    answer. ``cost`` in US dollars, None where a price is unknown. ``calls`` and ``state`` are an agent's.
    ``timed_in`` is the same for answers that were asked side by side, so that their times can be compared;
    empty where that is not known.
    """

    text: str
    retrieved: tuple[str, ...] | None = None
    passages: tuple[Passage, ...] | None = None
    citations: tuple[Citation, ...] = ()
    abstained: str | None = None
    confidence: float | None = None
    model: str = ""
    milliseconds: float | None = None
    first_token_milliseconds: float | None = None
    cost: float | None = None
    usage: Usage = field(default_factory=Usage)
    trace: str | None = None
    calls: tuple[ToolCall, ...] | None = None
    state: Any = None
    timed_in: str = ""

    @property
    def content(self) -> Digest:
        """What was said and on what evidence, by digest: not how long it took or what it cost.

        Quality scores of two answers with the same content are the same.
        """
        return digest(
            {
                "text": self.text,
                "retrieved": self.retrieved,
                "passages": None
                if self.passages is None
                else [[p.document, p.start, p.end, p.text, p.title] for p in self.passages],
                "citations": [[c.document, c.chunk, c.start, c.end, c.quote, c.sentence] for c in self.citations],
                "abstained": self.abstained,
                "confidence": self.confidence,
                "calls": None if self.calls is None else [[c.name, c.arguments] for c in self.calls],
                "state": self.state,
            }
        )


@dataclass(frozen=True, slots=True)
class Failed:
    """Asking ended in an error: ``kind`` is its type's name. Nothing is scored, everything is counted."""

    kind: str
    message: str
    trace: str | None = None
    milliseconds: float | None = None


Outcome: TypeAlias = Answered | Failed


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer to one case; ``repeat`` counts from 0 where a case is asked several times."""

    case: Case
    outcome: Outcome
    repeat: int = 0


class Subject(Protocol):
    """What is measured: anything that answers cases.

    ``identity`` names the configuration (a release's digest); ``state`` whatever else an answer depends
    on, such as the index's generation: an answer is kept and used again under both. ``ask`` never
    raises for a case that cannot be answered: it returns Failed.
    """

    @property
    def identity(self) -> str: ...

    @property
    def state(self) -> str: ...

    async def ask(self, case: Case, repeat: int) -> Outcome: ...


Ask: TypeAlias = Callable[[Case], Awaitable[Outcome | str]]
"""The simplest subject: an async callable, of which ``experiment.subject`` makes a Subject."""

Json: TypeAlias = Mapping[str, Any]
