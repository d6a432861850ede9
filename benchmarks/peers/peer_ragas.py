"""Faithfulness of given answers by a judge behind a port, by Ragas; prints one JSON object."""

import time

_BEGAN = time.perf_counter()

import argparse
import json
import logging
import math
import os
import urllib.request
import warnings
from pathlib import Path

os.environ["RAGAS_DO_NOT_TRACK"] = "true"
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

from openai import AsyncOpenAI
from ragas import EvaluationDataset, RunConfig, SingleTurnSample, evaluate
from ragas.llms import llm_factory
from ragas.metrics import Faithfulness

_IMPORTED = time.perf_counter() - _BEGAN


def score(lines, args):
    """Its own batch evaluation, with as many workers as asked for and its own number of tries."""
    began = time.perf_counter()
    llm = llm_factory("judge", client=AsyncOpenAI(base_url=args.base_url, api_key="none"))
    samples = [
        SingleTurnSample(user_input=x["question"], response=x["answer"], retrieved_contexts=x["contexts"])
        for x in lines
    ]
    config = RunConfig(max_workers=args.concurrency, max_retries=args.tries, timeout=60)
    found = evaluate(
        EvaluationDataset(samples=samples),
        metrics=[Faithfulness(llm=llm)],
        run_config=config,
        show_progress=False,
    )
    values = found["faithfulness"]
    return {
        x["id"]: "NaN" if math.isnan(v) else v for x, v in zip(lines, values, strict=True)
    }, time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=Path, required=True)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--tries", type=int, default=3)
    args = parser.parse_args()
    lines = [json.loads(line) for line in args.cases.read_text(encoding="utf-8").splitlines()]
    results, seconds = score(lines, args)
    urllib.request.urlopen(f"{args.base_url}/models").read()  # tells the server where the second run begins
    _, again = score(lines, args)
    print(json.dumps({"import_seconds": _IMPORTED, "seconds": seconds, "again_seconds": again, "results": results}))


if __name__ == "__main__":
    main()
