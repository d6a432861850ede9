"""Answers of the embedded defaults: do citations resolve, are they the right sentences, does it know when to be silent?

    python benchmarks/answering.py --clapnq DIR --product-docs DIR [--faithfulness DIR] [--json]

Each DIR holds ``corpus.jsonl`` ({"id", "title", "text"}) and ``queries.jsonl`` ({"id", "text", "answerable",
"relevant"}; clapnq also "offered" and "grounding"). On clapnq a question is given the one passage that was
offered with it; on product-docs the eight nearest of the corpus by the embedder's cosine. Everything between
question and answer is the product's own. Intervals are at 95 %.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import anyio
import numpy as np

from assay.answering.abstention import THRESHOLD, Gate
from assay.answering.answerer import Answerer, Recipe
from assay.answering.calibration import Calibration, ScoredCase, calibrate, point
from assay.answering.events import Answer, Question, Sentence
from assay.answering.extractive import ExtractiveWriter
from assay.answering.reading import Reader
from assay.language.segments import Segment, segment
from assay.language.support import THRESHOLD as BAR
from assay.language.support import ground, support
from assay.language.terms import Frequencies, count, stem, terms
from assay.statistics.proportions import proportion
from assay.documents import Chunk, Scalar
from assay.models.embedding import Matrix
from assay.models.minilm import MiniLM
from assay.retrieval.found import Candidate, Found
from assay.scores import Estimate
from assay.stores.index import Scope
from assay.tracing.recorder import Recorder

KEEP = 8
DRAWS = 2_000


@dataclass(frozen=True, slots=True)
class Row:
    """What one question came to."""

    query: Mapping[str, Any]
    answer: Answer
    sentences: tuple[Sentence, ...]
    resolved: tuple[bool, ...]


class Offered:
    """A retriever that finds what it was told to, for each question."""

    def __init__(self, chunks: Mapping[str, Sequence[Chunk]]) -> None:
        self.chunks = chunks

    async def search(
        self,
        question: str,
        *,
        k: int,
        groups: frozenset[str],  # noqa: ARG002 - everything may be read
        where: Mapping[str, Scalar],  # noqa: ARG002
    ) -> Found:
        """The first ``k`` of the question's chunks."""
        hits = tuple(Candidate(c, 1 / i, {"dense": i}) for i, c in enumerate(self.chunks[question][:k], 1))
        return Found(question, "dense", hits, hits, "benchmark", 1, 0.0)


def main() -> None:
    """Run what was asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clapnq", type=Path)
    parser.add_argument("--product-docs", type=Path)
    parser.add_argument("--faithfulness", type=Path)
    parser.add_argument("--limit", type=int, default=None, help="Questions of each set.")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    figures: dict[str, Estimate | float] = {}
    curve: Calibration | None = None
    if given.clapnq:
        rows, documents = anyio.run(clapnq, given.clapnq, given.limit)
        figures |= prefixed("clapnq", resolution(rows) | evidence(rows, documents) | speed(rows))
        curve = calibrate([ScoredCase(r.answer.confidence, bool(r.query["answerable"])) for r in rows])
        figures |= prefixed("clapnq", abstention(rows, curve))
    if given.product_docs:
        rows = anyio.run(product_docs, given.product_docs, given.limit)
        figures |= prefixed("product-docs", resolution(rows) | found_gold(rows) | speed(rows))
    if given.faithfulness:
        figures |= prefixed("faithfulness", checker(given.faithfulness))
    if given.json:
        print(json.dumps({name: asdict(f) if isinstance(f, Estimate) else f for name, f in figures.items()}))
        return
    for name, figure in figures.items():
        shown = f"{figure}  n={figure.n}  {figure.method}" if isinstance(figure, Estimate) else f"{figure:.1f}"
        print(f"{name:<62} {shown}")
    if curve:
        print_curve(curve)


async def clapnq(place: Path, limit: int | None) -> tuple[list[Row], dict[str, str]]:
    """Every question with its offered passage; nothing abstains, so that each has an answer to look at."""
    corpus, queries = load(place / "corpus.jsonl"), sample(load(place / "queries.jsonl"), limit)
    chunks = {document["id"]: whole(document) for document in corpus}
    offered = {query["text"]: [chunks[query["offered"]]] for query in queries}
    rows = await ask(queries, Offered(offered), weights(corpus), MiniLM(), gate=0.0)
    return rows, {document["id"]: document["text"] for document in corpus}


async def product_docs(place: Path, limit: int | None) -> list[Row]:
    """Every question with the nearest passages of the corpus, at the shipped threshold."""
    corpus, queries = load(place / "corpus.jsonl"), sample(load(place / "queries.jsonl"), limit)
    model = MiniLM()
    passages = await model.embed([f"{d['title']}. {d['text']}" for d in corpus], "passage")
    questions = await model.embed([q["text"] for q in queries], "query")
    nearest = np.argsort(-(questions @ passages.T), axis=1)[:, :KEEP]
    found = {q["text"]: [whole(corpus[i]) for i in row] for q, row in zip(queries, nearest, strict=True)}
    rows_of = {whole(document).id: i for i, document in enumerate(corpus)}

    def vectors(ids: Sequence[str]) -> Matrix:
        return passages[[rows_of[chunk] for chunk in ids]]

    return await ask(queries, Offered(found), weights(corpus), model, gate=THRESHOLD, vectors=vectors)


async def ask(
    queries: Sequence[Mapping[str, Any]],
    retriever: Offered,
    weigh: Frequencies,
    model: MiniLM,
    *,
    gate: float,
    vectors: Any = None,
) -> list[Row]:
    """Answer each question with the product's own parts."""

    def frequencies(words: Sequence[str], _: Scope) -> tuple[int, Mapping[str, int]]:
        return weigh.documents, {word: weigh.containing.get(stem(word), 0) for word in words}

    reader = Reader(model, frequencies=frequencies, vectors=vectors)
    writers = [ExtractiveWriter(model.count)]
    answerer = Answerer(retriever, reader, Gate(gate), writers, Recorder(), Recipe(release="benchmark", keep=KEEP))
    rows: list[Row] = []
    for query in queries:
        texts = {c.document: c.text for c in retriever.chunks[query["text"]]}
        events = [event async for event in answerer.answer(Question(query["text"]))]
        sentences = tuple(event for event in events if isinstance(event, Sentence))
        answer = events[-1]
        if not isinstance(answer, Answer):
            raise SystemExit(f"{query['id']}: {answer}")
        cited = [c for sentence in sentences for c in sentence.citations]
        resolved = tuple(bool(c.quote) and texts[c.document][c.start : c.end] == c.quote for c in cited)
        rows.append(Row(query, answer, sentences, resolved))
    return rows


def resolution(rows: Sequence[Row]) -> dict[str, Estimate | float]:
    """Citations that name their span exactly, and sentences shown that have one."""
    resolved = [one for row in rows for one in row.resolved]
    shown = [sentence for row in rows for sentence in row.sentences]
    answered = sum(row.answer.abstained is None for row in rows)
    return {
        "citations shown that resolve": proportion(sum(resolved), len(resolved)),
        "sentences shown that have a citation": proportion(sum(bool(s.citations) for s in shown), len(shown)),
        "questions answered": proportion(answered, len(rows)),
        "sentences an answer": len(shown) / max(1, answered),
    }


def evidence(rows: Sequence[Row], documents: Mapping[str, str]) -> dict[str, Estimate | float]:
    """Cited sentences against those that people marked; means over answerable questions."""
    scores: dict[str, list[float]] = {"precision": [], "recall": [], "F1": []}
    whole_f1: list[float] = []
    for row in rows:
        text = documents[row.query["offered"]]
        pieces = segment(text)
        gold = marked(text, row.query.get("grounding") or (), pieces)
        if not row.query["answerable"] or not gold:
            continue
        cited = [(c.start, c.end) for c in row.answer.citations]
        said = {i for i, p in enumerate(pieces) if any(s < p.end and p.start < e for s, e in cited)}
        for name, value in zip(scores, overlap(said, gold), strict=True):
            scores[name].append(value)
        whole_f1.append(overlap(set(range(len(pieces))), gold)[2])
    named = {f"cited sentences against grounding: {name}": mean(values) for name, values in scores.items()}
    return {**named, "the same, citing the whole passage: F1": mean(whole_f1)}


def abstention(rows: Sequence[Row], fitted: Calibration) -> dict[str, Estimate | float]:
    """How well confidence tells answerable from not, and what the shipped threshold does."""
    cases = [ScoredCase(r.answer.confidence, bool(r.query["answerable"])) for r in rows]
    at = point(cases, THRESHOLD)
    wanted = [case for case in cases if case.answerable]
    others = [case for case in cases if not case.answerable]
    figures: dict[str, Estimate | float] = {
        "AUROC answerable / not": fitted.auroc,
        f"coverage at the shipped threshold {THRESHOLD}": at.coverage,
        "  answerable that are answered": proportion(sum(c.score >= THRESHOLD for c in wanted), len(wanted)),
        "  unanswerable that are refused": proportion(sum(c.score < THRESHOLD for c in others), len(others)),
    }
    return figures | ({"  unanswerable among the answered": at.error} if at.error else {})


def found_gold(rows: Sequence[Row]) -> dict[str, Estimate | float]:
    """Whether an answer cites a relevant document."""
    answered = [row for row in rows if row.answer.abstained is None]
    right = sum(bool({c.document for c in r.answer.citations} & set(r.query["relevant"])) for r in answered)
    return {"answers that cite a relevant document": proportion(right, len(answered))}


def speed(rows: Sequence[Row]) -> dict[str, Estimate | float]:
    """Milliseconds from question to answer, search left out."""
    taken = [row.answer.milliseconds for row in rows]
    return {"milliseconds an answer, median": float(np.median(taken)), "p95": float(np.percentile(taken, 95))}


def checker(place: Path) -> dict[str, Estimate | float]:
    """Sentences of real models' answers that pass the citation check, by what people marked."""
    answers = [a for a in load(place / "responses.jsonl") if a["task"] != "data2txt"]
    weigh = count(block for a in answers for block in a["source"].split("\n\n"))
    grounds = {a["source_id"]: ground(a["source"]) for a in answers}
    others = list(grounds)
    passed: dict[str, list[bool]] = {"supported": [], "unsupported": [], "foreign": []}
    for i, answer in enumerate(answers):
        foreign = others[(others.index(answer["source_id"]) + 1 + i % (len(others) - 1)) % len(others)]
        for piece in segment(answer["response"]):
            said = piece.of(answer["response"])
            if len(set(terms(said))) < 2:
                continue
            faulty = any(s["start"] < piece.end and piece.start < s["end"] for s in answer["spans"])
            for kind, by in (("unsupported" if faulty else "supported", answer["source_id"]), ("foreign", foreign)):
                verdict = support(said, grounds[by], weigh)
                passed[kind].append(verdict.probability >= BAR and not verdict.vetoed)
    return {f"{kind} sentences that pass the check": proportion(sum(p), len(p)) for kind, p in passed.items()}


def marked(text: str, grounding: Sequence[str], pieces: Sequence[Segment]) -> set[int]:
    """The sentences of which people marked at least half."""
    inside = np.zeros(len(text), bool)
    for quote in grounding:
        at = text.find(quote.strip())
        if at >= 0:
            inside[at : at + len(quote.strip())] = True
    return {i for i, piece in enumerate(pieces) if inside[piece.start : piece.end].mean() >= 0.5}


def overlap(said: set[int], gold: set[int]) -> tuple[float, float, float]:
    """Precision, recall and F1; saying nothing has precision 0."""
    both = len(said & gold)
    precision, recall = both / max(1, len(said)), both / len(gold)
    return precision, recall, 2 * precision * recall / (precision + recall) if both else 0.0


def mean(values: Sequence[float]) -> Estimate:
    """A mean with a percentile bootstrap over questions."""
    data = np.asarray(values)
    draws = np.random.default_rng(0).integers(0, len(data), (DRAWS, len(data)))
    low, high = np.percentile(data[draws].mean(axis=1), [2.5, 97.5])
    return Estimate(float(data.mean()), float(low), float(high), len(data), 0, "bootstrap over questions")


def print_curve(fitted: Calibration) -> None:
    """Coverage against error, a line for each threshold."""
    print("\nclapnq: threshold   coverage                  unanswerable among the answered")
    for at in fitted.curve[5:100:10]:
        print(f"        {at.threshold:9.2f}   {at.coverage}      {at.error or 'nothing answered'}")
    print(f"chosen: {fitted.threshold:.3f} ({fitted.rule})")


def weights(corpus: Sequence[Mapping[str, Any]]) -> Frequencies:
    """Inverse document frequencies over a corpus."""
    return count(f"{document['title']}\n{document['text']}" for document in corpus)


def whole(document: Mapping[str, Any]) -> Chunk:
    """A passage as one chunk."""
    text = document["text"]
    return Chunk(f"{document['id']}#0", document["id"], 0, 0, len(text), text, document["title"])


def sample(queries: Sequence[Mapping[str, Any]], limit: int | None) -> list[Mapping[str, Any]]:
    """Spread evenly over the file."""
    step = max(1, len(queries) // limit) if limit else 1
    return list(queries[::step])


def load(path: Path) -> list[dict[str, Any]]:
    """A JSONL file."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def prefixed(name: str, figures: Mapping[str, Estimate | float]) -> dict[str, Estimate | float]:
    """Figures under the name of their set."""
    return {f"{name}: {key}": value for key, value in figures.items()}


if __name__ == "__main__":
    main()
