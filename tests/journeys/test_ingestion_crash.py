"""Killed at any point and run again: the same index as undisturbed, and no vector computed twice."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import anyio
import numpy as np
import pytest

from assay.ingestion.chunking.chunkers import CHUNKERS
from assay.ingestion.embedding import BATCH
from assay.ingestion.ingest import IngestReport, Pipeline, ingest
from assay.ingestion.ledger import Ledger
from assay.ingestion.plain_parsing import PlainParser
from assay.ingestion.recipe import Recipe
from assay.ingestion.sources import Source
from assay.ingestion.verify import verify
from assay.stores.database import Database
from assay.stores.embedded_index import EmbeddedIndex
from assay.stores.embeddings import EmbeddingStore
from assay.testing.embedder import HashEmbedder
from assay.testing.killing import After, Happened, Nursery, nurse

PAUSE = 0.02


def pipeline(state: Path, *, log: Path | None = None, pause: float = 0.0) -> Pipeline:
    embedder, parser = HashEmbedder(log=log, pause=pause), PlainParser()
    recipe = Recipe(
        "structure", 60, 0, embedder.identity, embedder.dimensions, embedder.max_tokens, "embedded", parser.revision
    )
    database = Database.at(state / "state.sqlite")
    return Pipeline(
        recipe=recipe,
        parsers=[parser],
        chunker=CHUNKERS["structure"],
        embedder=embedder,
        embeddings=EmbeddingStore(database),
        index=EmbeddedIndex(state / recipe.id, embedder.dimensions),
        ledger=Ledger(database),
        lock=state / "lock",
    )


def run(docs: Path, state: Path, *, log: Path | None = None, pause: float = 0.0) -> IngestReport:
    built = pipeline(state, log=log, pause=pause)
    try:
        return anyio.run(ingest, [Source("docs", docs)], built)
    finally:
        built.index.close()


def content(number: int, version: int = 0) -> str:
    parts = "\n\n".join(
        f"## Part {part}\n\nDocument {number} in version {version} says in part {part} that "
        f"{number * 31 + part * 7 + version * 1009} items were counted, packed, labelled and sent on their way. "
        f"What is left of them was written into the book on page {number + part}, signed and put away."
        for part in range(1 + number % 4)
    )
    return f"# Document {number}\n\n{parts}\n"


def write(docs: Path, number: int, version: int = 0) -> None:
    (docs / f"d{number:03}.md").write_text(content(number, version), encoding="utf-8")


def holds(state: Path) -> dict[str, tuple[str, bytes]]:
    """Each chunk's document and vector."""
    index = pipeline(state).index
    chunks = index.inventory().chunks
    vectors = index.vectors(sorted(chunks))
    index.close()
    return {
        chunk: (chunks[chunk], np.asarray(row).tobytes()) for chunk, row in zip(sorted(chunks), vectors, strict=True)
    }


def work(_: Happened, docs: str, state: str, log: str) -> None:
    Path(state).mkdir(exist_ok=True)
    run(Path(docs), Path(state), log=Path(log), pause=PAUSE)


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    with Nursery(__file__) as opened:
        yield opened


def disturbed(docs: Path, kept: set[int], chance: random.Random) -> None:
    """Someone edits, deletes, adds and reverts while ingestion is down."""
    for _ in range(4):
        number = chance.randrange(240)
        match chance.randrange(4):
            case 0:
                write(docs, number, version=chance.randrange(1, 4))
                kept.add(number)
            case 1:
                (docs / f"d{number:03}.md").unlink(missing_ok=True)
                kept.discard(number)
            case _:
                write(docs, number)
                kept.add(number)


def crash(nursery: Nursery, tmp_path: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    docs, state, log = tmp_path / "docs", tmp_path / "state", tmp_path / "log"
    docs.mkdir()
    kept = set(range(240))
    for number in kept:
        write(docs, number)
    # How long an ingestion takes here, so that the kills fall at any of its points on any machine.
    whole = nursery.run(docs, tmp_path / "rehearsal", tmp_path / "rehearsed").seconds
    done = rounds = 0
    while done < kills:
        rounds += 1
        assert rounds < 4 * kills + 20, "the ingestion ends before it can be killed"
        if nursery.run(docs, state, log, kill=After(chance.uniform(0.0, whole))).killed:
            done += 1
        else:
            for number in chance.sample(sorted(kept), min(len(kept), 120)):
                write(docs, number, version=rounds + 10)
        disturbed(docs, kept, chance)
    last = run(docs, state, log=log)
    assert last.documents == len(kept)
    undisturbed = tmp_path / "undisturbed"
    run(docs, undisturbed)
    assert holds(state) == holds(undisturbed)
    built = pipeline(state)
    source = Source("docs", docs)
    found = verify([source], built.ledger, built.index, index_id=built.recipe.id)
    assert found.findings == ()
    assert run(docs, state, log=log).embedded == 0


def test_killed_and_run_again(nursery: Nursery, tmp_path: Path) -> None:
    docs, state, log = tmp_path / "docs", tmp_path / "state", tmp_path / "log"
    docs.mkdir()
    for number in range(240):
        write(docs, number)
    chance, kills = random.Random(1), 0
    while kills < 5 and nursery.run(docs, state, log, kill=After(chance.uniform(0.02, 0.12))).killed:
        kills += 1
        assert_at_most_one_batch_lost(state, log, kills)
    assert kills >= 3, "the ingestion ended before it could be killed"
    run(docs, state, log=log)
    assert_at_most_one_batch_lost(state, log, kills)
    run(docs, tmp_path / "undisturbed")
    assert holds(state) == holds(tmp_path / "undisturbed")
    built = pipeline(state)
    assert verify([Source("docs", docs)], built.ledger, built.index, index_id=built.recipe.id).findings == ()


def assert_at_most_one_batch_lost(state: Path, log: Path, kills: int) -> None:
    """No text was computed again once its vector was committed, and a kill loses at most one batch."""
    if not log.exists():
        return
    computed = Counter(log.read_text(encoding="ascii").split())
    again = sum(times - 1 for times in computed.values())
    assert again <= kills * BATCH
    built = pipeline(state)
    stored = built.embeddings.get(built.embedder.identity, list(computed))  # type: ignore[arg-type]
    lost = len(computed) - len(stored)
    assert again + lost <= kills * BATCH
    built.index.close()


def test_edited_deleted_and_reverted_between_kills(nursery: Nursery, tmp_path: Path) -> None:
    crash(nursery, tmp_path, kills=4, seed=7)


@pytest.mark.slow
def test_two_hundred_kills(nursery: Nursery, tmp_path: Path) -> None:
    crash(nursery, tmp_path, kills=200, seed=int(os.environ.get("ASSAY_CRASH_SEED", "11")))


if __name__ == "__main__":
    nurse(work)
