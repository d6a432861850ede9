"""Evaluation: an unchanged run again, a judge that takes its time, and both beside Ragas and DeepEval.

The peers get the same cases, the same judge (``judged.py``: 200 ms a call), the same concurrency, and a fresh process
each, one after the other. A second run in the same process says what each remembers.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay.testing.model_server import ModelServer
from benchmarks import machine
from benchmarks.judged import SPECIAL, replies, write_cases, write_special
from benchmarks.options import ROOT, Options
from benchmarks.tables import table, verdict

CASES, CONCURRENCY, LATENCY = 1000, 32, 0.2
PEER_CASES = 200
ROUNDS = 3
SECONDS = 300
"""After so long a script has hung."""


def run(options: Options) -> dict[str, Any]:
    """Print the tables; return their figures."""
    return {"alone": _alone(), "beside": _beside(options)}


def _alone() -> dict[str, Any]:
    state = machine.probe()
    rounds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            rounds.append([_reported(folder) for _ in range(2)])
    first, again = (
        {name: statistics.median(each[at][name] for each in rounds) for name in rounds[0][at]} for at in range(2)
    )
    ideal = CASES * LATENCY / CONCURRENCY
    rows = [
        ["first run, s", f"{first['seconds']:.2f}", verdict(first["seconds"], 1.15 * ideal, at_most=True)],
        ["ideal, s", f"{ideal:.2f}", ""],
        ["first run / ideal", f"{first['seconds'] / ideal:.3f}", "≤ 1.15"],
        ["CPU of the first run, s", f"{first['cpu_seconds']:.2f}", ""],
        ["unchanged run again, s", f"{again['seconds']:.2f}", ""],
        ["with interpreter, imports and artifact, s", f"{again['process_seconds']:.2f}",
         verdict(again["process_seconds"], 3.0, at_most=True)],
        ["calls of subject and scorers again", f"{again['calls']:.0f}", verdict(again["calls"], 0.0, at_most=True)],
        ["artifact, MB", f"{again['artifact_mb']:.2f}", ""],
    ]  # fmt: skip
    table(
        f"{CASES} cases, 8 metrics, a judge of {LATENCY:g} s at concurrency {CONCURRENCY}, all written to disk; "
        f"medians of {ROUNDS} (load {state.load}, cores got {state.share:.0%})",
        ["", "assay", "bar"],
        rows,
    )
    return {"machine": {"load": state.load, "share": state.share}, "ideal": ideal, "first": first, "again": again}


def _reported(folder: str) -> dict[str, float]:
    began = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.evaluated", folder, str(CASES), str(CONCURRENCY), str(LATENCY)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    found: dict[str, float] = json.loads(ended.stdout)
    return found | {"process_seconds": time.perf_counter() - began}


def _beside(options: Options) -> dict[str, Any]:
    count = options.limit or PEER_CASES
    work = options.work / "evaluation"
    many, special = write_cases(work / "cases.jsonl", count), write_special(work / "special.jsonl")
    scripts = [("assay", [sys.executable, "-m", "benchmarks.ours_evaluation"])]
    for name in ("ragas", "deepeval"):
        if options.peers_python is not None and _installed(options.peers_python, name):
            scripts.append((name, [str(options.peers_python), f"benchmarks/peers/peer_{name}.py"]))
        else:
            print(f"{name} is left out: --peers-python names no environment that has it (benchmarks/peers/README.md).")
    state = machine.probe()
    with ModelServer(replies(LATENCY)).in_thread() as server:
        found = {name: {"many": _scored(server, command, many), "special": _scored(server, command, special)}
                 for name, command in scripts}  # fmt: skip
    ideal = count * LATENCY / CONCURRENCY
    names = [name for name, _ in scripts]
    shown = [found[name]["many"] for name in names]
    rows: list[list[object]] = [
        ["wall, s", *(f"{each['seconds']:.2f}" for each in shown)],
        ["wall / ideal for its own calls", *(f"{_ratio(each, count, ideal):.2f}" for each in shown)],
        ["calls a sample", *(f"{each['calls'] / count:.2f}" for each in shown)],
        ["the same again, s", *(f"{each['again_seconds']:.2f}" for each in shown)],
        ["calls a sample again", *(f"{each['calls_again'] / count:.2f}" for each in shown)],
        ["import, s", *(f"{each['import_seconds']:.2f}" for each in shown)],
    ]
    rows += [[case, *(_told(found[name]["special"]["results"].get(case)) for name in names)] for case in SPECIAL]
    table(
        f"faithfulness of {count} answers, the judge behind a port, {LATENCY:g} s a call, concurrency {CONCURRENCY} "
        f"(load {state.load}, cores got {state.share:.0%})",
        ["", *names],
        rows,
    )
    return {"cases": count, "machine": {"load": state.load, "share": state.share}, **found}


def _ratio(report: dict[str, Any], count: int, ideal: float) -> float:
    return float(report["seconds"] / (ideal * report["calls"] / count))


def _scored(server: ModelServer, command: Sequence[str], cases: Path) -> dict[str, Any]:
    """What a script reports, with the calls that the server saw in its first and second run."""
    server.received.clear()
    with tempfile.TemporaryDirectory() as folder:
        extra = ["--state", str(Path(folder) / "state.db")] if "benchmarks.ours_evaluation" in command else []
        ended = subprocess.run(
            [*command, "--cases", str(cases), "--base-url", server.base_url, "--concurrency", str(CONCURRENCY), *extra],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=SECONDS,
            check=False,
        )
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)}: {ended.stderr[-2000:]}")
    report: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    paths = [received.path for received in server.received]
    middle = next(at for at, path in enumerate(paths) if path.endswith("/models"))
    return report | {"calls": middle, "calls_again": len(paths) - middle - 1}


def _installed(python: Path, name: str) -> bool:
    asked = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({name!r}) is None)"
    return subprocess.run([str(python), "-c", asked], check=False).returncode == 0


def _told(result: object) -> str:
    text = f"score {result:g}" if isinstance(result, float | int) else str(result)
    return text if len(text) <= 90 else f"{text[:89]}…"
