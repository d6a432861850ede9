"""A large corpus made up, always the same: chunk-sized passages, a vector for each, and questions.

Words are the embedder's own whole-word tokens, drawn by Zipf's law; each passage belongs to a topic
with words of its own, and its vector lies near the topic's centre. One passage in ten names
another one's title. Nothing is learned from what such a corpus finds; it is there for its size.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.models.minilm import DIMENSIONS, TOKENIZER
from benchmarks.project import write_jsonl

REVISION = 1
TOPICS = 400
TOPICAL_WORDS = 300
TOPICAL_SHARE = 0.3
LENGTHS = (90, 150)
"""Words of a passage, least and most: with the title below the size at which a chunker would cut it."""
SENTENCE = 15
NAMING_SHARE = 0.1
SPREAD = 0.7
"""Length of the noise that is added to a topic's unit vector."""

Words = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Files:
    """The corpus, the questions, and a float32 matrix with a row for each passage in order."""

    corpus: Path
    queries: Path
    vectors: Path


def generate(directory: Path, passages: int, queries: int) -> Files:
    """Write a corpus of this size, unless it is there already."""
    folder = directory / f"synthetic-{REVISION}-{passages}-{queries}"
    files = Files(folder / "corpus.jsonl", folder / "queries.jsonl", folder / "vectors.npy")
    if files.vectors.exists():
        return files
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(REVISION)
    vocabulary = generator.permutation(_vocabulary())
    topics = generator.integers(0, len(vocabulary), (TOPICS, TOPICAL_WORDS))
    topic_of = generator.integers(0, TOPICS, passages)
    write_jsonl(files.corpus, _passages(generator, vocabulary, topics, topic_of))
    write_jsonl(files.queries, _queries(generator, vocabulary, topics, queries))
    # Written last, since its presence says that all is.
    partial = files.vectors.with_suffix(".partial.npy")
    np.save(partial, _vectors(generator, topic_of))
    partial.rename(files.vectors)
    return files


def _vocabulary() -> Words:
    package, member = TOKENIZER
    path = Path(str(distribution(package).locate_file(member)))
    known = json.loads(path.read_text(encoding="utf-8"))["model"]["vocab"]
    return np.array(sorted(word for word in known if word.isascii() and word.isalpha() and len(word) > 2))


def _zipf(generator: np.random.Generator, size: int, n: int) -> NDArray[np.intp]:
    """Ranks below ``size``, the r-th with a probability near 1 / r."""
    ranks = np.floor(np.exp(generator.random(n) * np.log(size))).astype(np.intp)
    return np.asarray(np.minimum(ranks, size) - 1)


def _passages(
    generator: np.random.Generator, vocabulary: Words, topics: NDArray[np.int64], topic_of: NDArray[np.int64]
) -> Iterator[dict[str, Any]]:
    titles = [_title(vocabulary, topics[topic], number) for number, topic in enumerate(topic_of)]
    for number, topic in enumerate(topic_of):
        length = int(generator.integers(*LENGTHS))
        words = vocabulary[_zipf(generator, len(vocabulary), length)]
        topical = generator.random(length) < TOPICAL_SHARE
        words[topical] = vocabulary[topics[topic][_zipf(generator, TOPICAL_WORDS, int(topical.sum()))]]
        sentences = [_sentence(words[at : at + SENTENCE].tolist()) for at in range(0, length, SENTENCE)]
        if generator.random() < NAMING_SHARE:
            sentences.append(f"See {titles[int(generator.integers(len(titles)))]}.")
        yield {"id": f"s{number}", "title": titles[number], "text": " ".join(sentences)}


def _title(vocabulary: Words, topic: NDArray[np.int64], number: int) -> str:
    """Two words, the second of the passage's topic: each combination for few passages."""
    return f"{str(vocabulary[number % len(vocabulary)]).title()} {str(vocabulary[topic[number % len(topic)]]).title()}"


def _sentence(words: Sequence[str]) -> str:
    return f"{' '.join(words).capitalize()}."


def _queries(
    generator: np.random.Generator, vocabulary: Words, topics: NDArray[np.int64], n: int
) -> Iterator[dict[str, Any]]:
    for number in range(n):
        topical = vocabulary[topics[generator.integers(TOPICS)][_zipf(generator, TOPICAL_WORDS, 5)]].tolist()
        common = vocabulary[_zipf(generator, len(vocabulary), 5)].tolist()
        words = [word for pair in zip(common, topical, strict=True) for word in pair]
        yield {"id": f"q{number}", "text": f"{' '.join(words).capitalize()}?"}


def _vectors(generator: np.random.Generator, topic_of: NDArray[np.int64]) -> NDArray[np.float32]:
    centres = generator.standard_normal((TOPICS, DIMENSIONS), dtype=np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    noise = generator.standard_normal((len(topic_of), DIMENSIONS), dtype=np.float32)
    vectors = centres[topic_of] + SPREAD * noise / np.sqrt(DIMENSIONS)
    return np.ascontiguousarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
