"""Cold starts: the command line's help, the import, and a question asked of a fresh process."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.metrics import evenly
from benchmarks.options import ROOT, Options
from benchmarks.project import ingested, project, read_jsonl
from benchmarks.tables import table, verdict

QUESTIONS = 7


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process took until it ended, and what it printed."""

    wall: float
    cpu: float
    output: str


def run(options: Options) -> dict[str, Any]:
    """Print the table; return its figures. Each is the median of several processes, after one that is not counted."""
    state = machine.probe()
    opened = ingested(project(options.data / "multihop" / "corpus.jsonl", options.work / "multihop"))
    questions = [query["text"] for query in read_jsonl(options.data / "multihop" / "queries.jsonl")]
    asked = evenly(questions, QUESTIONS)
    command = str(Path(sysconfig.get_path("scripts")) / "assay")
    python = [sys.executable, "-c"]
    cases: list[tuple[str, list[list[str]], float | None]] = [
        ("python -c pass", [[*python, "pass"]] * QUESTIONS, None),
        ("import assay", [[*python, "import assay"]] * QUESTIONS, 0.3),
        ("assay --help", [[command, "--help"]] * QUESTIONS, 0.5),
        ("assay ask, to its end", [[command, "ask", "-f", str(opened.file.path), q] for q in asked], None),
    ]
    rows, figures = [], {}
    for name, commands, bar in cases:
        spent = [_run(each) for each in (commands[0], *commands)][1:]
        wall, cpu = (statistics.median(values) for values in zip(*((s.wall, s.cpu) for s in spent), strict=True))
        rows.append([name, f"{wall:.3f}", f"{cpu:.3f}", verdict(wall, bar, at_most=True)])
        figures[name] = {"wall_seconds": wall, "cpu_seconds": cpu, "processes": len(spent)}
    cpu, answered = _first_token(opened.file.path, asked)
    rows.append(["assay ask, to its first token", "", f"{cpu:.3f}", f"CPU {verdict(cpu, 1.5, at_most=True)}"])
    figures["assay ask, to its first token"] = {"cpu_seconds": cpu, "answered": answered, "processes": len(asked)}
    table(
        f"cold starts, medians of {QUESTIONS} processes (load {state.load}, cores got {state.share:.0%})",
        ["command", "wall s", "CPU s", "bar"],
        rows,
    )
    print(f"{answered} of the {len(asked)} questions were answered, the others abstained.")
    return {"machine": {"load": state.load, "share": state.share}, "commands": figures}


def _first_token(file: Path, questions: Sequence[str]) -> tuple[float, int]:
    """Median CPU seconds of a fresh process to the first sentence, and how many questions had one."""
    found = []
    for question in (questions[0], *questions):
        spent = _run([sys.executable, "-m", "benchmarks.first_token", str(file), question])
        found.append(json.loads(spent.output))
    return statistics.median(each["cpu_seconds"] for each in found[1:]), sum(each["answered"] for each in found[1:])


def _run(command: Sequence[str]) -> Spent:
    """Run a command to its end. An exit status of 1 means an abstention; any other ends the benchmark."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        output, errors = child.stdout.read(), child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)}: {errors[-2000:]}")
    return Spent(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, output)
