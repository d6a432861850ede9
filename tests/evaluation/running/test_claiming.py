"""Runs beside each other on the same cases ask little more than once together, and none waits for the dead."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from assay.digest import Digest
from assay.errors import ModelUnavailable
from assay.evaluation.cases import Case, Dataset
from assay.evaluation.records import Run
from assay.evaluation.running.experiment import run, subject
from assay.evaluation.running.progress import Progress
from assay.evaluation.samples import Failed, Sample, Subject
from assay.evaluation.scoring import Measured, Metric
from assay.scores import Scored
from assay.stores.claims import Claims, holder
from assay.stores.database import Database
from assay.stores.evaluations import EvaluationStore

CASES = Dataset("d", tuple(Case(f"c{i}", f"question {i}") for i in range(60)))


def note(log: Path, what: str) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{what}\n")


@dataclass
class Length:
    log: Path
    name: str = "length"
    identity: str = "length@1"
    metrics: tuple[Metric, ...] = (Metric("length"),)

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        note(self.log, f"score {sample.case.id}")
        await anyio.sleep(0.02)
        return {"length": Measured(Scored(1 / len(sample.case.question)))}


def asked(log: Path) -> Subject:
    async def ask(case: Case) -> str:
        note(log, f"ask {case.id}")
        await anyio.sleep(0.02)
        return f"answer to {case.question}"

    return subject("beside@1", ask)


def evaluated(state: Path, log: Path, ready: Path | None = None) -> Run:
    """``ready`` is where two wait for each other."""
    store = EvaluationStore(Database.at(state))
    if ready is not None:
        note(ready, "ready")
        while ready.read_text("utf-8").count("ready") < 2:
            time.sleep(0.005)

    async def work() -> Run:
        return await run(asked(log), CASES, [Length(log)], store=store, concurrency=4)

    return anyio.run(work)


def test_two_processes_ask_each_case_once_together(tmp_path: Path) -> None:
    state, log, ready = tmp_path / "state.db", tmp_path / "log", tmp_path / "ready"
    command = [sys.executable, __file__, str(state), str(log), str(ready)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    made = Counter(log.read_text("utf-8").split("\n"))
    assert made.total() - 1 <= 1.05 * 2 * len(CASES.cases), "a machine that stands still for a lease asks twice"
    assert [each[0] for each in said] == [str(len(CASES.cases))] * 2
    assert all(int(answers) > 0 for _, answers in said), "both had a part in it"


def test_one_that_was_killed_leaves_nothing_claimed_for_long(tmp_path: Path) -> None:
    """Its claims are there, and its process is not."""
    store = EvaluationStore(Database.at(tmp_path / "state.db"))
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    dead = holder().split(":")
    dead[-2] = str(process.pid)
    keys = all_keys(tmp_path)
    assert store.claims.take(keys, ":".join(dead)) == set(keys)
    found = evaluated(tmp_path / "state.db", tmp_path / "log")
    assert found.work.answers == len(CASES.cases)
    assert found.work.seconds < store.claims.seconds / 3


def all_keys(tmp_path: Path) -> list[Digest]:
    """The keys that a run claims."""
    taken: list[Digest] = []

    class Noting(Claims):
        def take(self, keys, holder):  # type: ignore[no-untyped-def]
            taken.extend(keys)
            return super().take(keys, holder)

    database = Database.at(tmp_path / "keys.db")
    store = EvaluationStore(database)
    store.claims = Noting(database)
    anyio.run(lambda: run(asked(tmp_path / "keys"), CASES, [], store=store))
    return taken


@dataclass
class Shown:
    last: list[Progress] = field(default_factory=list)
    waits: anyio.Event = field(default_factory=anyio.Event)

    def show(self, progress: Progress) -> None:
        self.last.append(progress)
        if progress.elsewhere:
            self.waits.set()


@pytest.mark.anyio
async def test_what_another_is_at_is_waited_for_and_taken_from_it(tmp_path: Path) -> None:
    store = EvaluationStore(Database.at(tmp_path / "state.db"))
    began, go, shown = anyio.Event(), anyio.Event(), Shown()
    calls: Counter[str] = Counter()

    async def ask(case: Case) -> str:
        calls[case.id] += 1
        began.set()
        await go.wait()
        return "late"

    few = Dataset("few", CASES.cases[:3])
    runs: dict[str, Run] = {}

    async def first() -> None:
        runs["first"] = await run(subject("s", ask), few, [], store=store)

    async def second() -> None:
        runs["second"] = await run(subject("s", ask), few, [], store=store, progress=shown)

    async with anyio.create_task_group() as group:
        group.start_soon(first)
        await began.wait()
        group.start_soon(second)
        await shown.waits.wait()
        go.set()
    assert calls.total() == 3
    assert runs["second"].results == runs["first"].results
    assert (runs["second"].work.answers, runs["second"].work.answers_reused) == (0, 3)
    assert shown.last[-1].elsewhere == 0
    assert shown.last[-1].done == shown.last[-1].known == 3


@pytest.mark.anyio
async def test_what_failed_elsewhere_is_asked_here(tmp_path: Path) -> None:
    store = EvaluationStore(Database.at(tmp_path / "state.db"))
    began, go = anyio.Event(), anyio.Event()

    async def failing(case: Case) -> str:
        began.set()
        await go.wait()
        raise ModelUnavailable("down", model="m")

    async def answering(case: Case) -> str:
        return "here"

    few, runs = Dataset("few", CASES.cases[:3]), dict[str, Run]()

    async def one(name: str, subject_: Subject) -> None:
        runs[name] = await run(subject_, few, [], store=store)

    async with anyio.create_task_group() as group:
        group.start_soon(one, "failed", subject("s", failing))
        await began.wait()
        group.start_soon(one, "answered", subject("s", answering))
        go.set()
    assert all(isinstance(result.outcome, Failed) for result in runs["failed"])
    assert runs["answered"].work.answers == 3


@pytest.mark.anyio
async def test_cancelled_it_gives_up_its_claims(tmp_path: Path) -> None:
    store = EvaluationStore(Database.at(tmp_path / "state.db"))

    async def ask(case: Case) -> str:
        scope.cancel()
        await anyio.sleep_forever()
        return ""

    with anyio.CancelScope() as scope:
        await run(subject("s", ask), CASES, [], store=store)
    assert scope.cancelled_caught
    keys = all_keys_of(store)
    assert keys == []


def all_keys_of(store: EvaluationStore) -> list[str]:
    from sqlalchemy import text

    with store._database.read() as connection:
        return list(connection.execute(text("select key from claims")).scalars())


if __name__ == "__main__":
    done = evaluated(*(Path(each) for each in sys.argv[1:]))
    print(len(done.results), done.work.answers)  # noqa: T201
