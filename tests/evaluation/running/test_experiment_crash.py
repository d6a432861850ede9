"""Killed at any point and run again: the same run as undisturbed, and nobody is asked again what was kept."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from assay.evaluation.cases import Case, Dataset
from assay.evaluation.records import Result, Run
from assay.evaluation.running.experiment import run, subject
from assay.evaluation.running.keeping import BEHIND_ITEMS
from assay.evaluation.samples import Answered, Sample, Subject
from assay.evaluation.scoring import Measured, Metric
from assay.scores import Scored
from assay.stores.database import Database
from assay.stores.evaluations import EvaluationStore
from assay.testing.killing import After, Happened, Nursery, nurse

CONCURRENCY = 4
CASES = Dataset("d", tuple(Case(f"c{i}", f"question {i}") for i in range(150)))
IN_FLIGHT = 2 * CONCURRENCY + BEHIND_ITEMS
"""Finished or begun when the kill comes, and not kept: what is under way, and what waits to be written."""


def note(log: Path, what: str) -> None:
    """A line in a file that outlives the process."""
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, f"{what}\n".encode())
    os.close(handle)


def answering(log: Path, pause: float) -> Subject:
    async def ask(case: Case) -> str:
        note(log, f"ask {case.id}")
        await anyio.sleep(pause)
        return f"answer to {case.question}"

    return subject("crash@1", ask)


@dataclass
class Length:
    log: Path
    pause: float
    name: str = "length"
    identity: str = "length@1"
    metrics: tuple[Metric, ...] = (Metric("length"),)

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        note(self.log, f"score {sample.case.id}")
        await anyio.sleep(self.pause)
        return {"length": Measured(Scored(1 / len(sample.case.question)))}


def evaluated(state: Path, log: Path, pause: float = 0.0) -> Run:
    store = EvaluationStore(Database.at(state))

    async def work() -> Run:
        scorers = [Length(log, pause)]
        return await run(answering(log, pause), CASES, scorers, store=store, concurrency=CONCURRENCY)

    return anyio.run(work)


def work(_: Happened, state: str, log: str) -> None:
    evaluated(Path(state), Path(log), pause=0.01)


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    with Nursery(__file__) as opened:
        yield opened


def crash(nursery: Nursery, tmp_path: Path, kills: int, seed: int) -> None:
    """Kill it ``kills`` times, each in some work: where a run came to its end, the next begins from nothing."""
    chance, log, state = random.Random(seed), tmp_path / "log", tmp_path / "state.db"
    killed = since = kept = 0
    while killed < kills:
        if nursery.run(state, log, kill=After(chance.uniform(0.0, 0.45))).killed:
            killed, since = killed + 1, since + 1
            answers, _ = EvaluationStore(Database.at(state)).count()
            assert answers >= kept
            kept = answers
            continue
        assert_same(state, log, tmp_path, kills=since)
        for path in (log, *tmp_path.glob("state.db*")):
            path.unlink()
        since = kept = 0
    assert_same(state, log, tmp_path, kills=since)


def assert_same(state: Path, log: Path, tmp_path: Path, kills: int) -> None:
    """Run to the end: the results of an undisturbed run, and nothing made twice but what the kills lost."""
    last = evaluated(state, log)
    undisturbed = evaluated(tmp_path / "undisturbed.db", tmp_path / "undisturbed.log")
    assert [(r.case, r.scores, text(r)) for r in last] == [(r.case, r.scores, text(r)) for r in undisturbed]
    assert len(last.results) == len(CASES.cases)
    made = Counter(log.read_text(encoding="utf-8").split("\n"))
    again = sum(times - 1 for line, times in made.items() if line)
    assert again <= kills * IN_FLIGHT
    assert evaluated(state, log).work.answers == 0


def text(result: Result) -> str:
    assert isinstance(result.outcome, Answered)
    return result.outcome.text


def test_what_was_kept_is_not_asked_again(nursery: Nursery, tmp_path: Path) -> None:
    """Between two kills, no question is asked that the store knows."""
    log, state = tmp_path / "log", tmp_path / "state.db"
    known: set[str] = set()
    asked: set[str] = set()
    for after in (0.33, 0.4, 0.5, 1.0):  # a slow machine may not have kept anything by the first kill
        nursery.run(state, log, kill=After(after))
        if known := evaluated_keys(state):
            break
    log.write_text("", encoding="utf-8")
    for after in (0.05, 0.1, 0.2, 0.4, 1.0):
        nursery.run(state, log, kill=After(after))
        asked = {line.removeprefix("ask ") for line in log.read_text("utf-8").split("\n") if line.startswith("ask")}
        if asked:
            break
    assert known
    assert asked
    assert not asked & known


def evaluated_keys(state: Path) -> set[str]:
    """The ids of the cases whose answers are kept."""
    store = EvaluationStore(Database.at(state))
    digests = {case.digest: case.id for case in CASES.cases}
    return {digests[kept.case] for kept in store.sample_answers_to(digests, 10_000)}


def test_killed_three_times_and_run_again(nursery: Nursery, tmp_path: Path) -> None:
    crash(nursery, tmp_path, kills=3, seed=2)


@pytest.mark.slow
def test_killed_a_hundred_times(nursery: Nursery, tmp_path: Path) -> None:
    crash(nursery, tmp_path, kills=100, seed=int(os.environ.get("ASSAY_CRASH_SEED", "11")))


if __name__ == "__main__":
    nurse(work)
