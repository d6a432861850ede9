"""An evaluation of made-up cases by a judge that only sleeps, in a fresh process; prints one JSON object.

    python -m benchmarks.evaluated FOLDER CASES CONCURRENCY SECONDS

Run again with the same folder it finds everything known.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio

from assay.evaluation.artifacts.run_file import write
from assay.evaluation.cases import Case, Dataset
from assay.evaluation.running.experiment import run, subject
from assay.evaluation.samples import Answered, Passage, Sample
from assay.evaluation.scoring import Measured, Metric, Spent
from assay.models.chat import Usage
from assay.scores import Scored
from assay.stores.database import Database
from assay.stores.evaluations import EvaluationStore

PASSAGE = "The warranty lasts two years and begins on the day of delivery, whatever the invoice says. " * 13


@dataclass
class Made:
    """A scorer that takes ``seconds`` and counts its calls."""

    name: str
    metrics: tuple[Metric, ...]
    seconds: float = 0.0
    calls: int = 0

    @property
    def identity(self) -> str:
        return f"{self.name}@1"

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        self.calls += 1
        if self.seconds:
            await anyio.sleep(self.seconds)
        value = (len(sample.case.id) % 7) / 7
        claims = [{"start": 0, "end": 30, "supported": True}] * 3
        return {m.name: Measured(Scored(value), {"claims": claims}, Spent(cost=0.001)) for m in self.metrics}


def main() -> None:
    """Evaluate, write the artifact, and report."""
    folder, count, concurrency, seconds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    asked = 0

    async def ask(case: Case) -> Answered:
        nonlocal asked
        asked += 1
        passages = tuple(Passage(f"d{i}", 0, len(PASSAGE), PASSAGE, case.question) for i in range(8))
        return Answered(f"Two years: {case.id}.", tuple(p.document for p in passages), passages, cost=0.01,
                        usage=Usage(3000, 20))  # fmt: skip

    judge = Made("faithfulness", (Metric("faithfulness", judged=True),), seconds)
    ranked = Made("retrieval", tuple(Metric(name) for name in ("ndcg", "recall", "mrr", "precision")))
    others = [Made("abstention", (Metric("abstention"),)), Made("latency", (Metric("latency", "milliseconds"),))]
    scorers = [judge, ranked, *others, Made("cost", (Metric("cost", "dollars"),))]
    cases = Dataset("made up", tuple(Case(f"c{i}", f"How long is warranty {i}?", ("two years",)) for i in range(count)))
    store = EvaluationStore(Database.at(folder / "state.db"))
    began, cpu = time.perf_counter(), time.process_time()

    async def evaluate() -> Path:
        done = await run(subject("made up", ask), cases, scorers, store=store, concurrency=concurrency)
        report["seconds"] = time.perf_counter() - began
        return write(done, folder / "experiments")

    report: dict[str, float] = {}
    path = anyio.run(evaluate)
    report["cpu_seconds"] = time.process_time() - cpu
    report["calls"] = asked + sum(scorer.calls for scorer in scorers)
    report["artifact_mb"] = path.stat().st_size / 1e6
    print(json.dumps(report))


if __name__ == "__main__":
    main()
