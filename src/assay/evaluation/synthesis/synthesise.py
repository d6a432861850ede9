"""Cases from the documents themselves: written by a model, and each checked before it is admitted.

The check is a round trip (Alberti et al. 2019, "Synthetic QA Corpora Generation with Roundtrip
Consistency", arXiv 1906.05416): a model that sees the passages and not the answer must come to the same
answer. A question over two passages must not be answered by either alone. One that is to have no answer
must stay without one before its own passage and before the best that a search of all documents finds.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import anyio

from assay.digest import digest
from assay.errors import ContentFiltered, ContextTooLong, InputError, InvalidOutput, ModelError
from assay.evaluation.cases import Case
from assay.evaluation.scoring import Spent
from assay.evaluation.synthesis.candidates import KINDS, Admitted, Candidate, Corpus, Event, Kind, Rejected, Seed
from assay.evaluation.synthesis.checking import DUPLICATE, agree, mistake, rank_of, repeats
from assay.evaluation.synthesis.choosing import headings, pairs, passages
from assay.evaluation.synthesis.prompting import CHECK, read, template, template_of, write
from assay.models.chat import ChatModel

SOURCE = "synthetic"
"""``provenance["source"]`` and the tag ``source`` of every case made here."""
HEADING = "heading"
"""In place of a model where a document's author wrote the question."""

UNREADABLE = "the model wrote no question that could be read"
NOT_ANSWERED = "its passages do not answer it"
OTHERWISE = "its passages answer otherwise"
ONE_IS_ENOUGH = "one of its passages is enough"
ANSWERED = "the documents answer it"

_SEARCHED = 8
_RANKED = 50
_TRIES = 4


@dataclass(slots=True)
class _State:
    """What has been asked so far, and how many cases of each kind are admitted."""

    questions: list[str]
    counts: dict[Kind, int] = field(default_factory=dict)


async def synthesise(
    corpus: Corpus,
    wanted: Mapping[Kind, int],
    model: ChatModel | None,
    *,
    checker: ChatModel | None = None,
    known: Sequence[Case] = (),
    seed: int = 0,
    concurrency: int = 4,
) -> AsyncGenerator[Event, None]:
    """Up to ``wanted`` admitted cases of each kind, and every rejection with its reason, as they come.

    At most four candidates are tried for each case wanted. ``checker`` answers the checks, by default the
    writer itself; another model finds more of the writer's mistakes. ``known`` are cases whose questions are
    not to be asked again, ``seed`` chooses other passages. Without ``model`` there are only the questions that
    authors wrote as headings, without expected answers, and of a single passage.

    Raises InputError where a kind needs a model; ModelError where models fail for good.
    """
    if model is None and (needing := [kind for kind in KINDS if kind != "single-passage" and wanted.get(kind)]):
        raise InputError(
            f"{' and '.join(needing)} cases are written and checked by a language model; name one. Without one there "
            "are only the questions that the documents have as headings"
        )
    chunks = list(corpus.chunks())
    state = _State([case.question for case in known])
    for kind in KINDS:
        count = wanted.get(kind, 0)
        if not count:
            continue
        if model is None:
            source: Iterator[Candidate | Seed] = headings(chunks, seed=seed)
        else:
            source = pairs(chunks, seed=seed) if kind == "multi-passage" else passages(chunks, kind, seed=seed)
        made = _Maker(corpus, model, checker or model, seed)
        tries = islice(source, count * _TRIES)
        while state.counts.get(kind, 0) < count and (
            batch := list(islice(tries, _room(state, kind, count, concurrency)))
        ):
            for event in await made.all(batch, state.questions):
                yield _settled(event, state)


def _room(state: _State, kind: Kind, count: int, concurrency: int) -> int:
    return min(concurrency, count - state.counts.get(kind, 0))


def _settled(event: Event | ModelError, state: _State) -> Event:
    """The event as it stands after those before it: two candidates of one batch may ask the same."""
    if isinstance(event, ModelError):
        raise event
    if isinstance(event, Admitted):
        if repeats(event.case.question, state.questions):
            return Rejected(event.kind, DUPLICATE, event.case.question, event.spent)
        state.questions.append(event.case.question)
        state.counts[event.kind] = state.counts.get(event.kind, 0) + 1
    return event


@dataclass(frozen=True, slots=True)
class _Maker:
    corpus: Corpus
    model: ChatModel | None
    checker: ChatModel | None
    seed: int

    async def all(self, batch: Sequence[Candidate | Seed], asked: Sequence[str]) -> list[Event | ModelError]:
        """An event for each, in order; an error that would meet the next ones too is the last."""
        found: dict[int, Event | ModelError] = {}

        async def one(at: int, of: Candidate | Seed) -> None:
            found[at] = await self.one(of, asked)

        async with anyio.create_task_group() as tasks:
            for at, of in enumerate(batch):
                tasks.start_soon(one, at, of)
        return sorted((found[at] for at in sorted(found)), key=lambda event: isinstance(event, ModelError))

    async def one(self, of: Candidate | Seed, asked: Sequence[str]) -> Event | ModelError:
        seed = of if isinstance(of, Seed) else of.seed
        try:
            return await self._made(of, asked)
        except (ContentFiltered, ContextTooLong, InvalidOutput) as error:
            return Rejected(seed.kind, f"the model gave no reply: {type(error).__name__}")
        except ModelError as error:
            return error

    async def _made(self, of: Candidate | Seed, asked: Sequence[str]) -> Event:
        spent = Spent()
        candidate: Candidate | None
        if isinstance(of, Candidate):
            candidate, kind = of, of.seed.kind
        else:
            assert self.model is not None  # without one there are only candidates
            kind = of.kind
            candidate, spent = await write(self.model, of)
        if candidate is None:
            return Rejected(kind, UNREADABLE, "", spent)
        wrong = mistake(candidate) or (DUPLICATE if repeats(candidate.question, asked) else None)
        if wrong is None and self.checker is not None:
            wrong, checked = await self._checked(candidate, self.checker)
            spent += checked
        if wrong is not None:
            return Rejected(kind, wrong, candidate.question, spent)
        return Admitted(await self._case(candidate), kind, spent)

    async def _checked(self, candidate: Candidate, checker: ChatModel) -> tuple[str | None, Spent]:
        seed, question = candidate.seed, candidate.question
        if candidate.expected is None:
            found = await self.corpus.search(question, k=_SEARCHED, groups=seed.groups)
            others = [chunk for chunk in found if chunk.id not in {own.id for own in seed.passages}]
            spent = Spent()
            # Its own passage apart: among many a small model overlooks it.
            for evidence in (seed.passages, others):
                answer, cost = await read(checker, question, evidence) if evidence else (None, Spent())
                spent += cost
                if answer is not None:
                    return ANSWERED, spent
            return None, spent
        answer, spent = await read(checker, question, seed.passages)
        if answer is None:
            return NOT_ANSWERED, spent
        if not agree(candidate.expected, answer, question):
            return OTHERWISE, spent
        for passage in seed.passages if len(seed.passages) > 1 else ():
            alone, cost = await read(checker, question, [passage])
            spent += cost
            if alone is not None and agree(candidate.expected, alone, question):
                return ONE_IS_ENOUGH, spent
        return None, spent

    async def _case(self, candidate: Candidate) -> Case:
        seed = candidate.seed
        answerable = seed.kind != "unanswerable"
        found = await self.corpus.search(candidate.question, k=_RANKED, groups=seed.groups) if answerable else ()
        provenance: dict[str, Any] = {
            "source": SOURCE,
            "kind": seed.kind,
            "model": self.model.identity if self.model else HEADING,
            "seed": self.seed,
            "passages": [{"document": p.document, "start": p.start, "end": p.end} for p in seed.passages],
        }
        if self.model and self.checker:
            provenance["prompt"] = template_of(seed.kind).digest
            provenance["checked_by"] = self.checker.identity
            provenance["check_prompt"] = template(CHECK).digest
        if seed.link:
            provenance["link"] = seed.link
        # Told, never a condition: cases that the search fails to find are those that a better search is for.
        if answerable:
            provenance["found_at"] = rank_of(seed.documents, [chunk.document for chunk in found])
        return Case(
            id=f"synthetic-{digest([candidate.question, seed.documents])[:12]}",
            question=candidate.question,
            expected=(candidate.expected,) if candidate.expected is not None else None,
            relevant=seed.documents if answerable else None,
            answerable=answerable,
            access=seed.access,
            tags={"source": SOURCE, "kind": seed.kind},
            provenance=provenance,
            cluster=seed.documents[0],
        )
