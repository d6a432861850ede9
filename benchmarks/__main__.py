"""The benchmarks: quality and speed tables in Markdown.

    python -m benchmarks [NAME ...] --data DIR [--work DIR] [--json FILE]

Without names all are run. README.md beside this file says how to get the data and the peers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import canary, chunking, cold, depths, drill, evaluation, machine, retrieval, speed
from benchmarks.options import ROOT, Options
from benchmarks.tables import table


def main() -> None:
    """Run what is named, print the tables, and write the figures where asked."""
    names, options, file = _arguments()
    figures: dict[str, Any] = {"machine": machine.describe()}
    for name in names:
        print(f"\n## {name}")
        figures[name] = BENCHMARKS[name](options)
        if file is not None:
            # After each, so that a long run that is cut off leaves what it had.
            file.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def answering(options: Options) -> dict[str, Any]:
    """The figures of ``python -m benchmarks.answering``, which also prints the coverage-against-error curve."""
    command = [sys.executable, "-m", "benchmarks.answering", "--json"]
    for name in ("clapnq", "product-docs", "faithfulness"):
        command += [f"--{name}", str(options.data / name)]
    if options.limit is not None:
        command += ["--limit", str(options.limit)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    figures: dict[str, Any] = json.loads(ended.stdout)
    table("answering", ["", "figure", "n"], [_answering_row(name, figure) for name, figure in figures.items()])
    return figures


def _answering_row(name: str, figure: Mapping[str, Any] | float) -> list[object]:
    if isinstance(figure, Mapping):
        return [name, f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]", figure["n"]]
    return [name, f"{figure:.1f}", ""]


BENCHMARKS: Mapping[str, Callable[[Options], dict[str, Any]]] = {
    "retrieval": retrieval.run,
    "chunking": chunking.run,
    "answering": answering,
    "cold": cold.run,
    "speed": speed.run,
    "depths": depths.run,
    "evaluation": evaluation.run,
    "canary": canary.run,
    "drill": drill.run,
}
NEED_NO_DATA = {"canary", "drill"}


def _arguments() -> tuple[list[str], Options, Path | None]:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)} [default: all]")
    add("--data", type=Path, default=os.environ.get("ASSAY_BENCH_DATA"), help="the sets [default: $ASSAY_BENCH_DATA]")
    add("--work", type=Path, default=Path("build/benchmarks"), help="kept between runs [default: %(default)s]")
    add("--json", type=Path, metavar="FILE", help="write all figures here")
    add("--limit", type=int, help="questions of each set [default: all]")
    add("--rerank-limit", type=int, help="questions asked with the reranker, of each set [default: all]")
    add("--passages", type=int, help="shorten the corpus of the speed tests to so many; 0 leaves this part out")
    add("--large", type=int, default=100_000, help="chunks of the large corpus; 0: none [default: %(default)s]")
    add("--large-queries", type=int, default=50, help="questions asked of it [default: %(default)s]")
    add("--rounds", type=int, default=3, help="of the speed tests [default: %(default)s]")
    add("--large-rounds", type=int, default=2, help="of those at the large corpus [default: %(default)s]")
    add("--repeat", type=int, default=3, help="timed runs of every question [default: %(default)s]")
    add("--peers-python", type=Path, help="interpreter of the peers' environment [default: leave them out]")
    add("--peers", default="llamaindex,haystack,langchain", help="[default: %(default)s]")
    args = parser.parse_args()
    unknown = [name for name in args.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    if args.data is None and not (args.names and NEED_NO_DATA.issuperset(args.names)):
        parser.error("give --data DIR or set ASSAY_BENCH_DATA; benchmarks/README.md says what lies there")
    options = Options(
        data=Path(args.data or ".").resolve(),
        work=args.work.resolve(),
        limit=args.limit,
        rerank_limit=args.rerank_limit,
        passages=args.passages,
        large=args.large,
        large_queries=args.large_queries,
        rounds=args.rounds,
        large_rounds=args.large_rounds,
        repeat=args.repeat,
        # Not resolved: a virtual environment's interpreter is a link, and must be called by its name.
        peers_python=args.peers_python.absolute() if args.peers_python else None,
        peers=tuple(name for name in args.peers.split(",") if name),
    )
    return args.names or list(BENCHMARKS), options, args.json


if __name__ == "__main__":
    main()
