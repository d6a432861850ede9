"""Synthetic cases for an application: its index is the corpus, its models write and check."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice

from assay.documents import Chunk
from assay.errors import InputError, NotFound
from assay.evaluation.cases import Case
from assay.evaluation.synthesis.candidates import Event, Kind
from assay.evaluation.synthesis.synthesise import synthesise
from assay.models.chat import ChatModel
from assay.releases import parts
from assay.releases.application import Application
from assay.releases.build import open_application
from assay.releases.file.mistakes import suggest
from assay.releases.file.sections import EXTRACTIVE
from assay.releases.project import Project

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class IndexCorpus:
    """An opened application as a corpus: every chunk, whoever may read it; the search is a reader's."""

    application: Application

    def chunks(self) -> Iterator[Chunk]:
        index = self.application.index
        ids = iter(sorted(index.inventory().chunks))
        while some := list(islice(ids, _AT_ONCE)):
            yield from index.read(some, None)

    async def search(self, question: str, *, k: int, groups: frozenset[str]) -> Sequence[Chunk]:
        found = await self.application.search(question, k=k, groups=groups)
        return [hit.chunk for hit in found.hits]


def chosen_model(project: Project, name: str | None) -> ChatModel | None:
    """The model of that name; None names the first language model of the route, and there may be none.

    Raises NotFound for a name that is not in the file, InputError for one that writes nothing.
    """
    manifest = project.manifest
    known = {**manifest.models, **manifest.route}
    if name is None:
        name = next((each for each, choice in manifest.route.items() if choice.uses != EXTRACTIVE), None)
        if name is None:
            return None
    if name not in known:
        raise NotFound(f'there is no model "{name}"; {suggest(name, known)}')
    if known[name].uses == EXTRACTIVE:
        raise InputError(f'"{name}" only quotes and cannot write questions; name a language model under [models]')
    return parts.chat_model(name, known[name], project.file.directory)


async def synthesise_cases(
    project: Project,
    wanted: Mapping[Kind, int],
    *,
    model: str | None = None,
    checker: str | None = None,
    known: Sequence[Case] = (),
    seed: int = 0,
    concurrency: int = 4,
) -> AsyncGenerator[Event, None]:
    """Admitted cases and rejections as they come, from the documents that are indexed.

    ``model`` writes and ``checker`` checks, by their names in the application's file. Raises NotFound
    before the first ingestion, and whatever ``synthesise`` raises.
    """
    writing, checking = chosen_model(project, model), chosen_model(project, checker) if checker else None
    application = open_application(project)
    try:
        events = synthesise(
            IndexCorpus(application),
            wanted,
            writing,
            checker=checking,
            known=known,
            seed=seed,
            concurrency=concurrency,
        )
        async with aclosing(events):
            async for event in events:
                yield event
    finally:
        await application.close()
