"""Speed and memory beside the peers: the same corpora, questions, machine and embedder, one process at a time.

Each framework is a fresh process for each round, which warms itself up before anything is timed; the
order turns from round to round. A figure is the median of the rounds.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.options import ROOT, Options
from benchmarks.project import read_jsonl, write_jsonl
from benchmarks.synthetic import generate
from benchmarks.tables import table

OURS = "assay"
BUSY = 0.15
"""Cores that others use on a machine which is quiet no more."""
PEERS = Path(__file__).parent / "peers"

Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of a report; ``digits`` after the point. ``lower``: the least is the best; else it is not ranked."""

    name: str
    of: Callable[[Report], float | None]
    digits: int = 1
    lower: bool = True


@dataclass(frozen=True, slots=True)
class Trial:
    """A corpus to put everything through; ``extra`` are arguments of every script."""

    name: str
    corpus: Path
    queries: Path
    extra: tuple[str, ...]
    measures: tuple[Measure, ...]
    rounds: int
    ours: tuple[str, ...] = ()


def _share(report: Report) -> float | None:
    return 100 * report["outside_seconds"] / report["embedder_seconds"] if report["embedder_seconds"] else None


def _times_faster(report: Report) -> float | None:
    return report["ingest_seconds"] / report["reingest_seconds"] if report.get("reingest_seconds") else None


def _outside_alone(report: Report) -> float | None:
    """CPU seconds beside the embedder's own, in % of these: what a busy machine disturbs least."""
    alone = report.get("embedder_alone_cpu_seconds")
    return 100 * (report["ingest_cpu_seconds"] - alone) / alone if alone else None


QUERYING = (
    Measure("query p50, ms", lambda r: r["query_ms"]["p50"], 2),
    Measure("query p95, ms", lambda r: r["query_ms"]["p95"], 2),
    Measure("the same without embedding, p50, ms", lambda r: r["query_ms_without_embedding"]["p50"], 2),
    Measure("the same without embedding, p95, ms", lambda r: r["query_ms_without_embedding"]["p95"], 2),
    Measure("dense recall against exact search", lambda r: r.get("dense_recall"), 4, lower=False),
)
MEMORY = (
    Measure("memory before, MB", lambda r: r["baseline_rss_mb"], 0),
    Measure("peak memory of ingestion, MB", lambda r: r["ingest_peak_rss_mb"], 0),
    Measure("peak memory, MB", lambda r: r["peak_rss_mb"], 0),
)
INGESTING = (
    Measure("ingest, s", lambda r: r["ingest_seconds"]),
    Measure("of it in the embedder, s", lambda r: r["embedder_seconds"]),
    Measure("outside it, s", lambda r: r["outside_seconds"], 2),
    Measure("outside / embedder, %", _share),
    Measure("the same in CPU seconds, %", _outside_alone, lower=False),
    Measure("again, unchanged, s", lambda r: r["reingest_seconds"], 3),
    Measure("first / unchanged", _times_faster, 0, lower=False),
)
LOADING = (Measure("ingest without embedding, s", lambda r: r["outside_seconds"]),)


def run(options: Options) -> dict[str, Any]:
    """Print a table for each corpus; return all reports, their medians, and the machine's state before each."""
    figures: dict[str, Any] = {"machine": machine.describe()}
    print("Machine: " + ", ".join(f"{key} {value}" for key, value in figures["machine"].items()))
    if options.peers_python is None:
        print("No --peers-python: only Assay is measured.")
    trials = [_ingestion(options)] if options.passages != 0 else []
    trials += [_large(options)] if options.large else []
    for trial in trials:
        reports, states = _rounds(trial, options)
        figures[trial.name] = _medians(trial, reports) | {"states": states, "reports": reports}
        _print(trial, reports, states)
    return figures


def _ingestion(options: Options) -> Trial:
    """Passages through cutting and embedding, twice; then every question of the set."""
    corpus = options.data / "multihop" / "corpus.jsonl"
    if options.passages is not None:
        shortened = options.work / f"multihop-{options.passages}.jsonl"
        shortened.parent.mkdir(parents=True, exist_ok=True)
        write_jsonl(shortened, read_jsonl(corpus)[: options.passages])
        corpus = shortened
    return Trial(
        f"multihop, {len(read_jsonl(corpus))} passages",
        corpus,
        options.data / "multihop" / "queries.jsonl",
        ("--repeat", str(options.repeat)),
        (*INGESTING, *QUERYING, *MEMORY),
        options.rounds,
        ours=("--alone",),
    )


def _large(options: Options) -> Trial:
    """Passages of chunk size with vectors that are there already; then questions."""
    files = generate(options.work, options.large, options.large_queries)
    return Trial(
        f"synthetic, {options.large} chunks",
        files.corpus,
        files.queries,
        ("--vectors", str(files.vectors), "--no-reingest", "--repeat", str(options.repeat)),
        (*LOADING, *QUERYING, *MEMORY),
        options.large_rounds,
    )


def _rounds(trial: Trial, options: Options) -> tuple[dict[str, list[Report]], list[dict[str, Any]]]:
    peers = options.peers if options.peers_python is not None else ()
    systems = [OURS, *peers]
    reports: dict[str, list[Report]] = {system: [] for system in systems}
    states: list[dict[str, Any]] = []
    for number in range(trial.rounds):
        at = number % len(systems)
        for system in (*systems[at:], *systems[:at]):
            state = machine.probe()
            noted = "" if state.quiet else "  NOT QUIET: others use this machine, its times mean little"
            print(
                f"{trial.name}, round {number + 1}, {system}: load {state.load}, cores got {state.share:.0%}{noted}",
                file=sys.stderr,
                flush=True,
            )
            others = Others()
            reports[system].append(_report(system, trial, options))
            during = {"system": system, "round": number + 1, "others_cores": others.cores()}
            states.append(during | {"load": state.load, "share": state.share})
    return reports, states


class Others:
    """How much of the machine other processes than ours use from here on."""

    def __init__(self) -> None:
        self._began, self._all, self._ours = time.perf_counter(), machine.cpu_seconds(), _our_cpu_seconds()

    def cores(self) -> float | None:
        """In whole cores, on average; None where the system does not tell."""
        now = machine.cpu_seconds()
        if now is None or self._all is None:
            return None
        ours = _our_cpu_seconds() - self._ours
        return round(max(0.0, now - self._all - ours) / (time.perf_counter() - self._began), 2)


def _our_cpu_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _report(system: str, trial: Trial, options: Options) -> Report:
    given = ["--corpus", str(trial.corpus), "--queries", str(trial.queries), *trial.extra]
    if system == OURS:
        options.work.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "benchmarks.ours", *given, *trial.ours, "--work", str(options.work)]
    else:
        command = [str(options.peers_python), str(PEERS / f"peer_{system}.py"), *given]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stderr[-3000:]}")
    report: Report = json.loads(ended.stdout.splitlines()[-1])
    return report


def _median(measure: Measure, reports: Sequence[Report]) -> float | None:
    values = [value for report in reports if (value := measure.of(report)) is not None]
    return statistics.median(values) if values else None


def _medians(trial: Trial, reports: Mapping[str, Sequence[Report]]) -> dict[str, Any]:
    return {
        "medians": {
            measure.name: {system: _median(measure, found) for system, found in reports.items()}
            for measure in trial.measures
        }
    }


def _print(trial: Trial, reports: Mapping[str, Sequence[Report]], states: Sequence[Mapping[str, Any]]) -> None:
    rows = []
    for measure in trial.measures:
        medians = {system: _median(measure, found) for system, found in reports.items()}
        cells = ["" if value is None else f"{value:.{measure.digits}f}" for value in medians.values()]
        rows.append([measure.name, *cells, _ratio(measure, medians)])
    names = [f"{system} {found[0]['version']}" for system, found in reports.items()]
    rounds = len(next(iter(reports.values())))
    header = [f"median of {rounds}" if rounds > 1 else "one round", *names, "assay / best peer"]
    table(f"{trial.name} (chunks: {_chunks(reports)})", header, rows)
    shares = [state["share"] for state in states]
    loads = [state["load"] for state in states]
    others = [state["others_cores"] for state in states if state["others_cores"] is not None]
    print(f"Load before each process: {min(loads)} to {max(loads)}; cores got: {min(shares):.0%} to {max(shares):.0%}.")
    if others:
        print(f"Cores that other processes used meanwhile: {min(others)} to {max(others)}.")
    if min(shares) < machine.QUIET or max(others, default=0.0) > BUSY:
        print("The machine was not quiet: read ratios, and run again before believing them.")


def _ratio(measure: Measure, medians: Mapping[str, float | None]) -> str:
    """Ours through the best of the others; below 1 is better."""
    others = [value for system, value in medians.items() if system != OURS and value is not None]
    ours = medians[OURS]
    if not measure.lower or ours is None or not others or min(others) <= 0:
        return ""
    return f"{ours / min(others):.2f}"


def _chunks(reports: Mapping[str, Sequence[Report]]) -> str:
    return ", ".join(f"{system} {found[0]['chunks']}" for system, found in reports.items())
