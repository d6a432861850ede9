"""Chunkers: how much of what answers a question is found, and how much else comes with it.

All documents are indexed together and searched as an application does by default. Recall,
precision and IoU of the hits' characters against the characters that support the answer (after
Smith and Troynikov 2024, "Evaluating Chunking Strategies for Retrieval", there in tokens): what is
retrieved twice counts twice against precision and IoU, once for recall. Means over questions;
intervals by a percentile bootstrap, p by sign-flip permutations, adjusted by Holm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import anyio

from assay.documents import Chunk
from assay.releases.build import open_application
from assay.releases.ingesting import open_ingestion
from assay.releases.project import Project
from assay.scores import Estimate
from benchmarks.metrics import bootstrap, evenly, holm, paired
from benchmarks.options import Options
from benchmarks.project import ingested, project, read_jsonl
from benchmarks.tables import difference, p_value, table

DEPTHS = (5, 10)
DEFAULT = "structure"
CHUNKERS = {
    "structure": 'chunker = "structure"',
    "tokens": 'chunker = "tokens"',
    "tokens, overlap 50": 'chunker = "tokens"\noverlap = 50',
    "sentences": 'chunker = "sentences"',
}
"""Each at the default size."""
ALPHA = 0.05
MEASURES = ("recall", "precision", "IoU")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Of one question: shares of characters, each from 0 to 1."""

    recall: float
    precision: float
    iou: float

    def of(self, measure: str) -> float:
        """The value of a measure by its name."""
        return {"recall": self.recall, "precision": self.precision, "IoU": self.iou}[measure]


@dataclass(frozen=True, slots=True)
class Result:
    """A chunker's overlaps by depth, in the order of the questions, and the size of its chunks."""

    overlaps: dict[int, list[Overlap]]
    chunks: int
    characters: float


def run(options: Options) -> dict[str, Any]:
    """Print the tables; return their figures."""
    place = options.data / "chunking"
    texts = {path.stem: path.read_bytes().decode() for path in sorted((place / "corpora").glob("*.md"))}
    questions = evenly(read_jsonl(place / "questions.jsonl"), options.limit)
    results: dict[str, Result] = {}
    for name, settings in CHUNKERS.items():
        folder = name.replace(", ", "-").replace(" ", "-")
        opened = project(place / "corpora", options.work / "chunking" / folder, settings=f"[index]\n{settings}")
        results[name] = anyio.run(_result, ingested(opened), questions, texts, _size(opened))
    return _overall(results) | _by_corpus(results, questions) | _comparisons(results)


def _size(opened: Project) -> int:
    with open_ingestion(opened) as ingestion:
        return len(ingestion.pipeline.index.inventory().chunks)


async def _result(
    opened: Project, questions: Sequence[Mapping[str, Any]], texts: Mapping[str, str], chunks: int
) -> Result:
    application = open_application(opened)
    overlaps: dict[int, list[Overlap]] = {depth: [] for depth in DEPTHS}
    lengths: list[int] = []
    try:
        for question in questions:
            gold = [(start, end) for start, end in question["spans"]]
            for depth in DEPTHS:
                found = await application.search(question["text"], k=depth)
                hits = [hit.chunk for hit in found.hits]
                _check(hits, texts)
                lengths += [hit.end - hit.start for hit in hits]
                overlaps[depth].append(overlap(hits, question["corpus"], gold))
    finally:
        await application.close()
    return Result(overlaps, chunks, sum(lengths) / max(1, len(lengths)))


def _check(hits: Sequence[Chunk], texts: Mapping[str, str]) -> None:
    """Offsets are compared, so they must be offsets of the same text."""
    for hit in hits:
        if texts[Path(hit.document).stem][hit.start : hit.end] != hit.text:
            raise SystemExit(f"{hit.document}:{hit.start}-{hit.end} is not the document's text at this place")


def overlap(hits: Sequence[Chunk], corpus: str, gold: Sequence[Span]) -> Overlap:
    """Hits against the ``gold`` spans of the document ``corpus``; hits in other documents hold none of it."""
    wanted = _characters(gold)
    got = wanted & _characters([(hit.start, hit.end) for hit in hits if Path(hit.document).stem == corpus])
    retrieved = sum(hit.end - hit.start for hit in hits)
    both = len(got)
    return Overlap(
        recall=both / len(wanted),
        precision=both / retrieved if retrieved else 0.0,
        iou=both / (len(wanted) + retrieved - both),
    )


def _characters(spans: Sequence[Span]) -> set[int]:
    return {position for start, end in spans for position in range(start, end)}


def _estimates(overlaps: Sequence[Overlap]) -> dict[str, Estimate]:
    return {measure: bootstrap([each.of(measure) for each in overlaps]) for measure in MEASURES}


def _overall(results: Mapping[str, Result]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for depth in DEPTHS:
        rows = []
        for name, result in results.items():
            found = _estimates(result.overlaps[depth])
            figures[f"{name}, k = {depth}"] = {measure: asdict(each) for measure, each in found.items()}
            rows.append([name, result.chunks, f"{result.characters:.0f}", *found.values()])
        header = ["chunker", "chunks", "characters a hit", *MEASURES]
        table(f"chunking: all {len(result.overlaps[depth])} questions, k = {depth}", header, rows)
    return {"overall": figures, "best": _best(results)}


def _best(results: Mapping[str, Result]) -> dict[str, str]:
    """The best chunker by each measure, said in a sentence too."""
    best: dict[str, str] = {}
    for depth in DEPTHS:
        for measure in MEASURES:
            means = {name: _estimates(result.overlaps[depth])[measure].value for name, result in results.items()}
            best[f"{measure}, k = {depth}"] = max(means, key=lambda name: means[name])
    print("Best: " + "; ".join(f"{measure}: {name}" for measure, name in best.items()) + f". Default: {DEFAULT}.")
    return best


def _by_corpus(results: Mapping[str, Result], questions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    rows = []
    for corpus in sorted({question["corpus"] for question in questions}):
        for name, result in results.items():
            cells: list[object] = []
            for depth in DEPTHS:
                chosen = zip(result.overlaps[depth], questions, strict=True)
                found = _estimates([each for each, question in chosen if question["corpus"] == corpus])
                figures[f"{corpus}, {name}, k = {depth}"] = {measure: asdict(e) for measure, e in found.items()}
                cells += [found["recall"], f"{found['precision'].value:.3f}", f"{found['IoU'].value:.3f}"]
                asked = found["recall"].n
            rows.append([corpus, asked, name, *cells])
    columns = [f"{measure}@{depth}" for depth in DEPTHS for measure in MEASURES]
    table("chunking: each document's questions", ["document", "questions", "chunker", *columns], rows)
    return {"by_corpus": figures}


def _comparisons(results: Mapping[str, Result]) -> dict[str, Any]:
    """Every other chunker against the default, at the smaller depth."""
    depth = DEPTHS[0]
    compared = []
    for name in results:
        for measure in ("recall", "IoU"):
            if name != DEFAULT:
                first, second = ([e.of(measure) for e in results[n].overlaps[depth]] for n in (name, DEFAULT))
                compared.append((name, measure, *paired(first, second)))
    adjusted = holm([p for *_, p in compared])
    rows, figures = [], []
    for (name, measure, gap, p), corrected in zip(compared, adjusted, strict=True):
        rows.append([f"{name} − {DEFAULT}", measure, difference(gap), p_value(p), p_value(corrected)])
        figures.append({"first": name, "measure": measure, "difference": asdict(gap), "p": p, "p_holm": corrected})
    table(f"chunking: paired differences, k = {depth}", ["", "measure", "difference", "p", "p (Holm)"], rows)
    _say(figures)
    return {"comparisons": figures}


def _say(comparisons: Sequence[Mapping[str, Any]]) -> None:
    """Which chunkers differ from the default beyond chance."""
    for word, sign in (("better", 1), ("worse", -1)):
        found = [
            f"{each['first']} ({each['measure']})"
            for each in comparisons
            if each["p_holm"] < ALPHA and sign * each["difference"]["value"] > 0
        ]
        print(f"{word.capitalize()} than {DEFAULT} at p (Holm) < {ALPHA}: {', '.join(found) or 'none'}.")
