"""Quality of search: every mode side by side, with intervals and paired tests.

A question's documents are ranked by their first hit among the k hits that ``assay search -k``
prints. Intervals: percentile bootstrap over questions, 95 %. p: sign-flip permutations, two-sided,
adjusted by Holm for the comparisons within a set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import anyio
import numpy as np

from assay.evaluation.scorers.ranking import ndcg, recall, reciprocal_rank
from assay.releases.build import open_application
from assay.releases.project import Project
from assay.retrieval.found import Mode
from benchmarks.metrics import bootstrap, distinct, evenly, holm, paired
from benchmarks.options import Options
from benchmarks.project import ingested, project, read_jsonl
from benchmarks.tables import difference, p_value, table, verdict

HITS = 10
DEEP = 50
"""Hits of the second column, for reference: documents that a longer list would still bring."""

DEFAULT = "hybrid (default)"
RERANKED = "hybrid, late interaction"
UNLINKED = "hybrid, names not followed"


@dataclass(frozen=True, slots=True)
class Task:
    """A set of questions, what is measured on it, and the least that is asked of the default."""

    name: str
    measure: str
    score: Callable[[Sequence[str], set[str]], float]
    bar: float | None


@dataclass(frozen=True, slots=True)
class System:
    """A way to search: TOML that makes it the application's, and the mode that is asked for.

    ``deep``: asked for the longer list too.
    """

    name: str
    file: str
    settings: str = ""
    mode: Mode | None = None
    deep: bool = True


@dataclass(frozen=True, slots=True)
class Scores:
    """A system's score for each question by its id, from k = 10 and from k = 50 hits (where asked), and
    its median time."""

    shown: dict[str, float]
    deep: dict[str, float]
    milliseconds: float


TASKS = (
    Task("product-docs", "nDCG@10", lambda ranked, relevant: ndcg(ranked, relevant, 10), 0.84),
    Task("multihop", "recall@5", lambda ranked, relevant: recall(ranked, relevant, 5), 0.72),
    Task("clapnq", "MRR", reciprocal_rank, None),
)
SYSTEMS = (
    System("dense", "assay", mode="dense"),
    System("lexical", "assay", mode="lexical"),
    System(UNLINKED, "unlinked", "[retrieval]\nlinked = false"),
    System(DEFAULT, "assay"),
    System(RERANKED, "reranked", "[retrieval]\nrerank = true", deep=False),
)
COMPARISONS = ((DEFAULT, "dense"), (DEFAULT, "lexical"), (DEFAULT, UNLINKED), (RERANKED, DEFAULT))


def run(options: Options) -> dict[str, Any]:
    """Print the tables of every set; return their figures."""
    return {task.name: _task(task, options) for task in TASKS}


def _task(task: Task, options: Options) -> dict[str, Any]:
    corpus, work = options.data / task.name / "corpus.jsonl", options.work / task.name
    ingested(project(corpus, work))
    asked = [query for query in read_jsonl(options.data / task.name / "queries.jsonl") if query["answerable"]]
    asked = evenly(asked, options.limit)
    scores: dict[str, Scores] = {}
    for system in SYSTEMS:
        queries = evenly(asked, options.rerank_limit) if system.name == RERANKED else asked
        opened = project(corpus, work, settings=system.settings, name=system.file)
        scores[system.name] = anyio.run(_scored, opened, queries, system, task)
    return {"measure": task.measure} | _systems(task, scores) | _comparisons(task, scores)


async def _scored(opened: Project, queries: Sequence[dict[str, Any]], system: System, task: Task) -> Scores:
    application = open_application(opened)
    shown: dict[str, float] = {}
    deep: dict[str, float] = {}
    taken: list[float] = []
    try:
        for query in queries:
            relevant = set(query["relevant"])
            for k, into in ((HITS, shown), (DEEP, deep)) if system.deep else ((HITS, shown),):
                found = await application.search(query["text"], k=k, mode=system.mode)
                into[query["id"]] = task.score(distinct([hit.chunk.document for hit in found.hits]), relevant)
                if k == HITS:
                    taken.append(found.milliseconds)
    finally:
        await application.close()
    return Scores(shown, deep, float(np.median(taken)))


def _systems(task: Task, scores: dict[str, Scores]) -> dict[str, Any]:
    rows, figures = [], {}
    for name, each in scores.items():
        shown = bootstrap(list(each.shown.values()))
        deep = bootstrap(list(each.deep.values())) if each.deep else None
        bar = verdict(shown.value, task.bar) if name == DEFAULT else ""
        rows.append([name, shown, f"{deep.value:.3f}" if deep else "", shown.n, f"{each.milliseconds:.1f}", bar])
        figures[name] = {
            "k10": asdict(shown),
            "k50": asdict(deep) if deep else None,
            "median_milliseconds": each.milliseconds,
        }
    header = ["search", f"{task.measure}, k = {HITS}", f"k = {DEEP}", "questions", "median ms", "bar"]
    table(f"{task.name}: {task.measure}", header, rows)
    return {"systems": figures}


def _comparisons(task: Task, scores: dict[str, Scores]) -> dict[str, Any]:
    compared = []
    for first, second in COMPARISONS:
        common = [id for id in scores[first].shown if id in scores[second].shown]
        compared.append(paired([scores[first].shown[i] for i in common], [scores[second].shown[i] for i in common]))
    adjusted = holm([p for _, p in compared])
    rows, figures = [], []
    for (first, second), (gap, p), corrected in zip(COMPARISONS, compared, adjusted, strict=True):
        rows.append([f"{first} − {second}", difference(gap), gap.n, p_value(p), p_value(corrected)])
        figures.append({"first": first, "second": second, "difference": asdict(gap), "p": p, "p_holm": corrected})
    table(f"{task.name}: paired differences", ["", task.measure, "questions", "p", "p (Holm)"], rows)
    return {"comparisons": figures}
