"""Faithfulness of given answers by a judge behind a port, by DeepEval; prints one JSON object."""

import time

_BEGAN = time.perf_counter()

import argparse
import contextlib
import json
import logging
import os
import sys
import tempfile
import urllib.request
from pathlib import Path

os.environ["DEEPEVAL_TELEMETRY_OPT_OUT"] = "YES"
os.environ["DEEPEVAL_NO_INSPECT_PROMPT"] = "1"
os.environ["DEEPEVAL_UPDATE_WARNING_OPT_OUT"] = "YES"
logging.disable(logging.CRITICAL)

from deepeval import evaluate
from deepeval.evaluate.configs import AsyncConfig, CacheConfig, DisplayConfig, ErrorConfig
from deepeval.metrics import FaithfulnessMetric
from deepeval.models import GPTModel
from deepeval.test_case import LLMTestCase

_IMPORTED = time.perf_counter() - _BEGAN


def score(lines, args):
    """Its own batch evaluation; errors of one case are told to be ignored, or they end it all."""
    began = time.perf_counter()
    model = GPTModel(model="gpt-4o-mini", base_url=args.base_url, api_key="none")
    metric = FaithfulnessMetric(model=model, include_reason=args.reason)
    cases = [
        LLMTestCase(name=x["id"], input=x["question"], actual_output=x["answer"], retrieval_context=x["contexts"])
        for x in lines
    ]
    found = evaluate(
        cases,
        [metric],
        async_config=AsyncConfig(max_concurrent=args.concurrency),
        display_config=DisplayConfig(show_indicator=False, print_results=False, inspect_after_run=False),
        cache_config=CacheConfig(write_cache=True, use_cache=True),
        error_config=ErrorConfig(ignore_errors=True),
    )
    results = {}
    for result in found.test_results:
        (one,) = result.metrics_data
        results[result.name] = f"error: {one.error}"[:120] if one.error else one.score
    return results, time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=Path, required=True)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--reason", action="store_true", help="ask for a reason in words: one call more (the default)")
    args = parser.parse_args()
    os.environ["DEEPEVAL_RETRY_MAX_ATTEMPTS"] = str(args.tries)
    lines = [json.loads(line) for line in args.cases.read_text(encoding="utf-8").splitlines()]
    os.chdir(tempfile.mkdtemp())  # it keeps a folder where it runs
    with contextlib.redirect_stdout(sys.stderr):
        results, seconds = score(lines, args)
        urllib.request.urlopen(f"{args.base_url}/models").read()  # tells the server where the second run begins
        _, again = score(lines, args)
    print(json.dumps({"import_seconds": _IMPORTED, "seconds": seconds, "again_seconds": again, "results": results}))


if __name__ == "__main__":
    main()
