"""Answers from two retrievers' passages at once, and which of the two they cite.

The live release answers; what it answers from is drawn from both rankings. Each passage's ranks say whose pick it
was, so an answer, or its trace, tells by itself who is preferred.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Protocol

import anyio

from assay.answering.answerer import Retriever
from assay.answering.events import Answer, AnswerEvent, Failed, Question
from assay.documents import Scalar
from assay.errors import AssayError
from assay.releases.application import Application
from assay.retrieval.found import Candidate, Found
from assay.rollouts.experiments.drafting import draft
from assay.rollouts.live.applications import Applications
from assay.rollouts.traffic.routing import INTERLEAVED, Way
from assay.rollouts.traffic.state import Traffic
from assay.statistics.anytime.interleaving import Preference, Slot, Team, credit
from assay.traces import Attribute

TEAMS: Mapping[Team, str] = {"first": "drafted by the first", "second": "drafted by the second"}
"""What a passage's ranks call the team whose pick it is, beside what the team's own stages say."""
LONGEST_WAIT = 5.0
"""Seconds that an answer waits for the second ranking; without it the first's is what is answered from."""


class Answering(Protocol):
    """What streams an answer: an application, or its answerer."""

    def answer(
        self,
        question: Question,
        *,
        traceparent: str | None = None,
        attributes: Mapping[str, Attribute] | None = None,
    ) -> AsyncGenerator[AnswerEvent, None]: ...


class InterleavedRetriever:
    """Searches as ``first`` does, with the hits of ``second`` drawn into its list by a coin for each ``seed``.

    Where the second fails or takes long, the first's own list is given: users must not suffer by a comparison.
    """

    def __init__(self, first: Retriever, second: Retriever, seed: str | None = None) -> None:
        self._first, self._second = first, second
        self._seed = secrets.token_hex(8) if seed is None else seed

    async def search(self, question: str, *, k: int, groups: frozenset[str], where: Mapping[str, Scalar]) -> Found:
        """As long a list as the first alone would give. Raises as the first's search does."""
        other: list[Found] = []

        async def ask() -> None:
            try:
                with anyio.move_on_after(LONGEST_WAIT):
                    other.append(await self._second.search(question, k=k, groups=groups, where=where))
            except AssayError:
                return

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            try:
                found = await self._first.search(question, k=k, groups=groups, where=where)
            except AssayError as error:
                failed: AssayError | None = error
                tasks.cancel_scope.cancel()
            else:
                failed = None
        if failed is not None:
            raise failed
        return drawn(found, other[0], seed=self._seed) if other else found


def drawn(first: Found, second: Found, *, seed: str) -> Found:
    """Two searches' hits in one list, each pick marked in its ranks; what both begin with belongs to neither."""
    known = {hit.chunk.id: hit for hit in (*second.hits, *first.hits)}
    length = max(len(first.hits), 1) if first.hits else len(second.hits)
    rankings = ([hit.chunk.id for hit in found.hits] for found in (first, second))
    ids, others = (list(dict.fromkeys(ranking)) for ranking in rankings)
    made = draft(ids, others, seed=seed, length=length)
    hits = [known[id] for id in made.shared]
    hits += [_marked(known[slot.item], slot.team, rank) for rank, slot in enumerate(made.slots, len(hits) + 1)]
    return replace(first, hits=tuple(hits))


def preferred(answer: Answer) -> Preference:
    """Whose passages an answer cites more of; a tie where it cites neither's, or abstained."""
    if answer.found is None:
        return "tie"
    slots = [Slot(hit.chunk.id, team) for hit in answer.found.hits for team, mark in TEAMS.items() if mark in hit.ranks]
    return credit(slots, {citation.chunk for citation in answer.citations})


@asynccontextmanager
async def answering(
    applications: Applications, traffic: Traffic, gone: Way, opened: Application
) -> AsyncIterator[Answering]:
    """What answers a request: the application itself, or, in an experiment on rankings, its answerer over both
    arms' passages. While the other arm is not open here, the first answers alone."""
    experiment = traffic.experiment
    if gone.arm != INTERLEAVED or experiment is None or experiment.id != gone.under:
        yield opened
        return
    _, second = experiment.design.arms[1]
    if not isinstance(applications.peek(second), Application):
        yield opened
        return
    async with applications.lease(second) as other:
        if isinstance(other, Application):
            answerer = opened.answerer
            yield answerer.over(InterleavedRetriever(answerer.retriever, other.answerer.retriever))
        else:
            yield opened


def seen_as(gone: Way, end: Answer | Failed) -> Way:
    """The way of an answer once it has ended: under an experiment on rankings the arm is whose passages it cites."""
    return replace(gone, arm=preferred(end)) if gone.arm == INTERLEAVED and isinstance(end, Answer) else gone


def _marked(hit: Candidate, team: Team, rank: int) -> Candidate:
    return replace(hit, ranks={**hit.ranks, TEAMS[team]: rank})
