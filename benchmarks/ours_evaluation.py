"""Faithfulness of given answers by a judge behind a port, by Assay: what a peer's script does, and the same output.

python -m benchmarks.ours_evaluation --cases FILE --base-url URL --state FILE
"""

from __future__ import annotations

import time

_BEGAN = time.perf_counter()

import argparse
import json
import urllib.request
from pathlib import Path
from typing import Any

import anyio

from assay.evaluation.cases import Case, Dataset
from assay.evaluation.running.experiment import run, subject
from assay.evaluation.judges.llm import LlmJudge
from assay.evaluation.records import Run
from assay.evaluation.samples import Answered, Passage
from assay.evaluation.scorers.faithfulness import Faithfulness
from assay.models.providers import ProviderModel
from assay.models.retrying import RetryingModel
from assay.scores import Scored
from assay.stores.database import Database
from assay.stores.evaluations import EvaluationStore

_IMPORTED = time.perf_counter() - _BEGAN


def main() -> None:
    """Score the cases twice and print one object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path, required=True)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--concurrency", type=int, default=32)
    args = parser.parse_args()
    lines = [json.loads(line) for line in args.cases.read_text(encoding="utf-8").splitlines()]
    known = {line["id"]: line for line in lines}

    async def ask(case: Case) -> Answered:
        line = known[case.id]
        passages = (Passage(f"d{i}", 0, len(text), text) for i, text in enumerate(line["contexts"]))
        return Answered(line["answer"], passages=tuple(passages))

    async def evaluate() -> tuple[Run, float]:
        began = time.perf_counter()
        model = RetryingModel(ProviderModel("judge", base_url=args.base_url))
        dataset = Dataset("cases", tuple(Case(line["id"], line["question"]) for line in lines))
        scorer = Faithfulness(LlmJudge(model))
        store = EvaluationStore(Database.at(args.state))
        done = await run(
            subject("given answers", ask, state=json.dumps(lines)),
            dataset,
            [scorer],
            store=store,
            concurrency=args.concurrency,
        )
        return done, time.perf_counter() - began

    first, wall = anyio.run(evaluate)
    urllib.request.urlopen(f"{args.base_url}/models").read()  # tells the server where the second run begins
    _, rerun = anyio.run(evaluate)
    print(
        json.dumps(
            {
                "import_seconds": _IMPORTED,
                "seconds": wall,
                "again_seconds": rerun,
                "results": {result.case.id: _shown(result) for result in first},
            }
        )
    )


def _shown(result: Any) -> Any:
    score = result.score("faithfulness")
    return score.value if isinstance(score, Scored) else f"unscored: {score.reason}"


if __name__ == "__main__":
    main()
