"""Bringing a release to life: settings go in, an application comes out, and below here nobody sees a setting."""

from __future__ import annotations

from dataclasses import dataclass

from assay.answering.abstention import THRESHOLD, Gate
from assay.answering.answerer import Answerer, Recipe
from assay.answering.extractive import ExtractiveWriter
from assay.answering.prompted import HISTORY_TOKENS, PromptedWriter
from assay.answering.reading import Reader
from assay.answering.writer import Writer
from assay.errors import NotFound
from assay.ingestion import recipe as recipes
from assay.ingestion.listed import entries, listed
from assay.ingestion.rows import IndexRow
from assay.models.embedding import Embedder
from assay.models.late_interaction import LateInteraction
from assay.models.minilm import MiniLM
from assay.models.reranking import Reranker
from assay.releases import parts
from assay.releases.application import Application
from assay.releases.evidence import ANSWER_TOKENS, LEAST_TOKENS, MARGIN_TOKENS
from assay.releases.file.sections import EXTRACTIVE
from assay.releases.manifest import Manifest
from assay.releases.project import Project
from assay.releases.state_writer import StateWriter
from assay.retrieval.neighbours import WithNeighbours
from assay.retrieval.retriever import Retriever, SearchRecipe
from assay.stores.index import Index
from assay.tracing.opening import open_recorder


@dataclass(frozen=True, slots=True)
class Asked:
    """The index that is asked, and what a person should know about it."""

    row: IndexRow
    notice: str | None


def open_application(project: Project, *, abstain_below: float | None = None) -> Application:
    """Open an application on its index. ``abstain_below`` overrides the release's threshold, for calibration.

    Raises NotFound when nothing has been ingested, PluginError, ModelError for a missing key,
    StoreError.
    """
    manifest = project.manifest
    embedder = parts.embedder(manifest)
    asked = asked_index(project, embedder)
    token_embedder = embedder if isinstance(embedder, MiniLM) else MiniLM()
    # Before the index, which would have to be closed again where one of these cannot be made.
    writers = _writers(project, token_embedder)
    reranker = _reranker(manifest.retrieval.rerank, token_embedder)
    state = StateWriter(project)
    recorder = open_recorder(store=state, otlp=manifest.tracing.otlp, content=manifest.tracing.content)
    index = _index(project, asked.row)
    retriever = _retriever(manifest, index, embedder, reranker, name=asked.row.id)
    reach = manifest.retrieval.neighbours
    answerer = Answerer(
        WithNeighbours(retriever, index, reach=reach) if reach else retriever,
        Reader(
            token_embedder,
            frequencies=index.frequencies,
            vectors=index.vectors if token_embedder is embedder else None,
        ),
        Gate(_threshold(manifest) if abstain_below is None else abstain_below),
        [writer for writer, _ in writers],
        recorder,
        Recipe(
            release=project.release.digest,
            keep=manifest.retrieval.keep,
            context_tokens=min([manifest.answer.context_tokens, *(room for _, room in writers if room)]),
            unsupported=manifest.answer.unsupported,
        ),
    )

    async def close() -> None:
        recorder.close()
        index.close()
        state.close()

    return Application(
        name=project.name,
        release=project.release,
        retriever=retriever,
        answerer=answerer,
        index=index,
        index_id=asked.row.id,
        close=close,
        notice=asked.notice,
    )


def _index(project: Project, row: IndexRow) -> Index:
    """The index of a ledger's row. Raises NotFound where its files are gone."""
    index = parts.index(project, row.recipe)
    if index.generation <= 1 and (missing := entries(project.database, row.id)) and not index.listing():
        index.close()
        raise NotFound(f"index {row.id} lacks all of its {missing} chunks: run `assay ingest`")
    return index


def _retriever(
    manifest: Manifest, index: Index, embedder: Embedder, reranker: Reranker | None, *, name: str
) -> Retriever:
    chosen = manifest.retrieval
    recipe = SearchRecipe(
        mode=chosen.mode, candidates=chosen.candidates, dense_weight=chosen.dense_weight, linked=chosen.linked
    )
    return Retriever(index, embedder, name=name, recipe=recipe, reranker=reranker)


def _threshold(manifest: Manifest) -> float:
    fitted = manifest.answer.abstain_below
    return THRESHOLD if fitted is None else fitted


def asked_index(project: Project, embedder: Embedder) -> Asked:
    """The file's own index if it is complete, else the active one if this embedder can ask it."""
    own = parts.recipe(project.manifest, embedder, parts.parsers())
    rows = {row.id: row for row in listed(project.database)}
    mine = rows.get(own.id)
    if mine is not None and mine.status == "complete":
        return Asked(mine, None)
    active = next((row for row in rows.values() if row.active), None)
    if active is not None and active.recipe.embedder == embedder.identity:
        what = _differences(active.recipe, own)
        return Asked(
            active, f"the index of this file is not built yet; asking the one built with {what}: run `assay ingest`"
        )
    begun = "has not been finished" if mine is not None else "has not been done for this file"
    raise NotFound(f"there is no index to ask: ingestion {begun}; run `assay ingest`")


def _differences(old: recipes.Recipe, new: recipes.Recipe) -> str:
    told = ("chunker", "max_tokens", "overlap", "backend", "parser", "chunker_revision")
    changed = [f"{name} = {getattr(old, name)}" for name in told if getattr(old, name) != getattr(new, name)]
    return ", ".join(changed) or "another revision"


def _reranker(chosen: bool | str, embedder: MiniLM) -> Reranker | None:
    if chosen is False:
        return None
    if chosen is True or chosen == "late-interaction":
        return LateInteraction(embedder)
    from assay import plugins

    found: Reranker = plugins.load("reranker", chosen)()
    return found


def _writers(project: Project, embedder: MiniLM) -> list[tuple[Writer, int | None]]:
    """What answers, in the order of the route, each with the tokens of evidence that its window has room for."""
    writers: list[tuple[Writer, int | None]] = []
    for name, model in project.manifest.route.items():
        if model.uses == EXTRACTIVE:
            writers.append((ExtractiveWriter(embedder.count), None))
            continue
        chat = parts.chat_model(name, model, project.file.directory)
        answer_tokens = model.max_tokens or ANSWER_TOKENS
        writer = PromptedWriter(
            chat, project.file.prompt, app=project.name, temperature=model.temperature, max_tokens=answer_tokens
        )
        prompt = chat.count(project.file.prompt.system) + chat.count(project.file.prompt.user)
        taken = prompt + HISTORY_TOKENS + answer_tokens + MARGIN_TOKENS
        writers.append((writer, max(LEAST_TOKENS, chat.window - taken) if chat.window else None))
    return writers
