"""A question, and the events of its answer: a stream of sentences that ends in one Answer or one Failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from assay.answering.context import Context
from assay.documents import PUBLIC, Citation, Scalar
from assay.errors import AssayError, ModelError
from assay.messages import Turn
from assay.models.chat import Usage
from assay.retrieval.found import Found

Reason: TypeAlias = Literal["not_in_corpus", "unsupported", "conflicting", "underspecified", "over_budget"]
"""Why nothing was answered. Lack of permission is ``not_in_corpus``: it must look like absence."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, by whom (``groups``), of which documents (``where``), after which turns.

    ``shadow`` says that nobody will see the answer: a copy, made to compare. Whatever has effects beyond the answer
    must only pretend to.
    """

    text: str
    history: tuple[Turn, ...] = ()
    groups: frozenset[str] = frozenset({PUBLIC})
    where: Mapping[str, Scalar] = field(default_factory=dict)
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Abstained:
    """``reason`` for machines, ``detail`` one sentence for people."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """The next piece of the answer, checked: ``text`` as shown, white space before it included.

    ``number`` counts sentences of the answer from 0. ``supported`` is False only where the
    application shows unsupported sentences marked. ``trace`` and ``span`` are where the answer is recorded.
    """

    number: int
    text: str
    citations: tuple[Citation, ...]
    supported: bool
    trace: str = field(default="", compare=False)
    span: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of a stream that went well, abstention included.

    ``text`` is the concatenation of the sentences shown, or the abstention's detail.
    ``confidence`` is the probability that the evidence answers the question; ``cost`` in US
    dollars, None where a price is unknown; ``milliseconds`` from question to end and
    ``first_token_milliseconds`` to the first thing shown. ``failures`` are those of the models
    before ``model`` in the route, in order: a fallback must not pass unnoticed. ``found`` and ``context``
    are what was searched and shown to the writer, None where the answer needed neither. ``span`` is the answer's
    own in ``trace``, which may hold several answers.
    """

    text: str
    citations: tuple[Citation, ...]
    abstained: Abstained | None
    confidence: float
    model: str
    release: str
    trace: str
    usage: Usage
    cost: float | None
    milliseconds: float
    first_token_milliseconds: float
    failures: tuple[ModelError, ...] = ()
    found: Found | None = None
    context: Context | None = None
    span: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """The end of a stream that did not: what was shown before it is not an answer."""

    error: AssayError
    trace: str
    span: str = field(default="", compare=False)


AnswerEvent: TypeAlias = Sentence | Answer | Failed
