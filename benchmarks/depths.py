"""Query time at equal recall: each system at several depths of its lists, beside the recall that it reaches there.

A depth is the number of candidates that each side gives to fusion. Passages are cut to one chunk each and
embedded once for all systems, so that what is compared is the search.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import numpy as np

from assay.evaluation.scorers.ranking import recall
from assay.models.minilm import MiniLM
from benchmarks import machine
from benchmarks.metrics import distinct, paired
from benchmarks.options import ROOT, Options
from benchmarks.project import read_jsonl, write_jsonl
from benchmarks.speed import OURS, PEERS, Report
from benchmarks.tables import table

CHARACTERS = 400
"""Of a passage: with its title below the size at which any of the systems would cut it."""
DEPTHS = (10, 30, 100)
PLACES = 5
COLUMNS = (("recall", 3), ("p50", 2), ("p95", 2))


@dataclass(frozen=True, slots=True)
class Setting:
    """A system at one depth, and the command that measures it."""

    system: str
    name: str
    command: tuple[str, ...]
    reports: list[Report] = field(default_factory=list)


def run(options: Options) -> dict[str, Any]:
    """Print one table over all settings; return their figures."""
    corpus, vectors = _prepared(options)
    queries = options.data / "multihop" / "queries.jsonl"
    given = ("--corpus", str(corpus), "--queries", str(queries), "--vectors", str(vectors), "--no-reingest")
    settings = _settings(options, (*given, "--repeat", str(options.repeat)))
    state = machine.probe()
    for number in range(options.rounds):
        at = number % len(settings)
        for setting in (*settings[at:], *settings[:at]):
            print(f"depths, round {number + 1}, {setting.name}", file=sys.stderr, flush=True)
            setting.reports.append(_report(setting.command))
    relevant = {query["id"]: set(query["relevant"]) for query in read_jsonl(queries)}
    figures = {setting.name: _figures(setting, relevant) for setting in settings}
    _print(figures, options.rounds, quiet=state.quiet)
    return figures


def _settings(options: Options, given: tuple[str, ...]) -> list[Setting]:
    ours = (sys.executable, "-m", "benchmarks.ours", *given, "--work", str(options.work))
    settings = [Setting(OURS, f"assay, {n}", (*ours, "--candidates", str(n))) for n in DEPTHS]
    settings += [Setting(OURS, f"assay, {n}, no links", (*ours, "--candidates", str(n), "--no-links")) for n in DEPTHS]
    for peer in options.peers if options.peers_python is not None else ():
        script = (str(options.peers_python), str(PEERS / f"peer_{peer}.py"), *given)
        settings += [Setting(peer, f"{peer}, {n}", (*script, "--candidates", str(n))) for n in DEPTHS]
    return settings


def _prepared(options: Options) -> tuple[Path, Path]:
    """The shortened corpus and its vectors, embedded unless they are there already."""
    folder = options.work / f"depths-{CHARACTERS}"
    corpus, vectors = folder / "corpus.jsonl", folder / "vectors.npy"
    if not vectors.exists():
        folder.mkdir(parents=True, exist_ok=True)
        passages = read_jsonl(options.data / "multihop" / "corpus.jsonl")
        write_jsonl(corpus, [{**passage, "text": passage["text"][:CHARACTERS]} for passage in passages])
        contents = [f"{passage['title']}\n{passage['text'][:CHARACTERS]}" for passage in passages]
        matrix = anyio.run(MiniLM().embed, contents, "passage")
        # Written last and by name, since its presence says that all is.
        partial = vectors.with_suffix(".partial.npy")
        np.save(partial, matrix)
        partial.rename(vectors)
    return corpus, vectors


def _report(command: Sequence[str]) -> Report:
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stderr[-3000:]}")
    report: Report = json.loads(ended.stdout.splitlines()[-1])
    return report


def _figures(setting: Setting, relevant: Mapping[str, set[str]]) -> dict[str, Any]:
    hits = setting.reports[0]["hits"]
    recalls = [recall(distinct(hits[id]), found, PLACES) for id, found in relevant.items()]
    return {
        "system": setting.system,
        "p50": statistics.median(report["query_ms"]["p50"] for report in setting.reports),
        "p95": statistics.median(report["query_ms"]["p95"] for report in setting.reports),
        "recall": statistics.mean(recalls),
        "recalls": recalls,
    }


def _print(figures: Mapping[str, Mapping[str, Any]], rounds: int, *, quiet: bool) -> None:
    rows = [
        [name, *(f"{f[key]:.{digits}f}" for key, digits in COLUMNS), *_against(f, figures)]
        for name, f in figures.items()
    ]
    header = ["system, depth", f"recall@{PLACES}", "p50, ms", "p95, ms", "of ours that recall no less", "p50", "p95"]
    table(f"Query time at equal recall (multihop, median of {rounds})", header, rows)
    print("The last columns are ours through the peer's: at most 1 is the bar.")
    if not quiet:
        print("The machine was not quiet: read ratios, and run again before believing them.")


def _against(peer: Mapping[str, Any], figures: Mapping[str, Mapping[str, Any]]) -> tuple[str, str, str]:
    """The fastest of our settings that recalls no less than a peer's, and both ratios; empty in our own rows.

    Less is what a paired test says is less: the interval of the difference lies below 0.
    """
    if peer["system"] == OURS:
        return "", "", ""
    ours = {name: f for name, f in figures.items() if f["system"] == OURS}
    equal = {name: f for name, f in ours.items() if paired(f["recalls"], peer["recalls"])[0].high >= 0}
    if not equal:
        return "none", "", ""
    name = min(equal, key=lambda n: float(equal[n]["p50"] + equal[n]["p95"]))
    return name, f"{equal[name]['p50'] / peer['p50']:.2f}", f"{equal[name]['p95'] / peer['p95']:.2f}"
