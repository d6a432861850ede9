"""``assay label`` and ``assay judge``: by lines, by keys of a terminal, and through to the corrected report."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assay.digest import digest
from assay.evaluation.artifacts.run_file import write
from assay.evaluation.cases import Case
from assay.evaluation.records import Result, Run, ScorerUsed
from assay.evaluation.samples import Answered, Passage
from assay.evaluation.scoring import Measured, Metric
from assay.scores import Scored

if TYPE_CHECKING:
    from tests.cli.conftest import Ran
    from tests.cli.conftest import Run as Runs

TEXT = "Every employee has 30 days of paid holiday a year. " * 40
Label = Callable[..., "Ran"]


@pytest.fixture
def kept(app: Path) -> Path:
    """An application with one kept run of 30 cases, judged by nobody who could be asked again."""
    metrics = (Metric("faithfulness", judged=True), Metric("relevance", judged=True))
    results = []
    for i in range(30):
        passages = (Passage("holidays.md", 0, len(TEXT), TEXT, "Holidays"), Passage("travel.md", 0, 3, "\x1b[2JTrains"))
        answered = Answered(f"Answer {i}: thirty days.", passages=passages)
        detail = {"unsupported": [[0, 6]]} if i % 2 else {}
        scores = {
            "faithfulness": Measured(Scored(1.0 if i % 3 else 0.0), detail),
            "relevance": Measured(Scored(0.5)),
        }
        results.append(Result(Case(f"c{i}", f"How many days, {i}?", ("30",)), 0, answered, scores))
    scorers = tuple(ScorerUsed(metric.name, f"{metric.name}:0:gone", (metric,)) for metric in metrics)
    run = Run("ab" * 8, "this file", "s", "", "set", digest([]), scorers, 1, tuple(results), 1000.0)
    write(run, app / ".assay" / "runs")
    return app


@pytest.fixture
def label(run: Runs, monkeypatch: pytest.MonkeyPatch) -> Label:
    def call(keys: str, *arguments: object) -> Ran:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{key}\n" for key in keys)))
        return run("label", *arguments)

    return call


def values(run: Runs, path: Path, metric: str = "faithfulness") -> list[tuple[str, str, float | None]]:
    """Who said what of which case, in the order in which it was said."""
    assert run("label", "--export", path, "--metric", metric).code == 0
    found = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [(each["rater"], each["case"]["id"], each["value"]) for each in found if each["kind"] == "label"]


def test_lines_label_answers_and_the_next_call_goes_on(kept: Path, label: Label, run: Runs, tmp_path: Path) -> None:
    done = label("yn?s", "--rater", "anna")
    assert done.code == 0
    assert "faithfulness: 2 labelled, 1 cannot tell, 1 skipped; 27 left for anna" in done.out
    assert "not corrected yet" in done.out
    assert "Do the passages support everything that the answer says?" in done.out
    assert "\x1b" not in done.out
    said = values(run, tmp_path / "l.jsonl")
    assert [value for _, _, value in said] == [1.0, 0.0, None]
    again = label("y", "latest", "--rater", "anna", "--count", 1)
    assert said[0][1] not in {id for _, id, _ in values(run, tmp_path / "l.jsonl")[3:]}
    assert "1 labelled" in again.out


def test_undo_and_back(kept: Path, label: Label, run: Runs, tmp_path: Path) -> None:
    label("yyunq", "answers", "--rater", "anna")
    assert [value for _, _, value in values(run, tmp_path / "a.jsonl")] == [1.0, 0.0]
    label("ybnq", "--rater", "ben", "--second", 1)
    assert [value for who, _, value in values(run, tmp_path / "b.jsonl") if who == "ben"] == [0.0]
    label("ybnuq", "--rater", "cleo", "--second", 1)
    assert [value for who, _, value in values(run, tmp_path / "c.jsonl") if who == "cleo"] == [1.0]


def test_a_graded_metric_takes_one_to_five_and_a_yes_or_no_does_not(
    kept: Path, label: Label, run: Runs, tmp_path: Path
) -> None:
    label("1359q", "-m", "relevance", "--rater", "anna")
    assert [value for _, _, value in values(run, tmp_path / "l.jsonl", "relevance")] == [0.0, 0.5, 1.0]
    done = label("4yq", "--rater", "anna")
    assert "that key means nothing here; y or n" in done.out
    assert len(values(run, tmp_path / "l.jsonl")) == 1


def test_the_judges_doubts_are_shown_only_when_asked_for_and_noted(
    kept: Path, label: Label, tmp_path: Path, run: Runs
) -> None:
    label("hyyq", "--rater", "anna")
    run("label", "--export", tmp_path / "l.jsonl")
    notes = [json.loads(line)["note"] for line in (tmp_path / "l.jsonl").read_text("utf-8").splitlines()]
    assert notes == ["saw the judge's doubts", ""]


def test_import_and_export(kept: Path, label: Label, run: Runs, tmp_path: Path) -> None:
    label("yny", "--rater", "anna")
    path = tmp_path / "l.jsonl"
    assert len(values(run, path)) == 3
    assert run("label", "--import", path, "--json").json == {"imported": 0, "known": 3}
    text = path.read_text("utf-8").replace('"anna"', '"ben"').replace('"id":"', '"id":"x', 1)
    path.write_text(re.sub(r'^\{"kind":"label","id":"x?', '{"kind":"label","id":"b', text, flags=re.M), "utf-8")
    assert run("label", "--import", path, "--json").json == {"imported": 3, "known": 0}
    agreed = run("label", "agreement", "--json").json[0]
    assert (agreed["raters"], agreed["shared"], agreed["alpha"]["value"]) == ({"anna": 3, "ben": 3}, 3, 1.0)
    assert "ben" in run("label", "agreement").out
    path.write_text('{"kind": "label"}\n', "utf-8")
    bad = run("label", "--import", path)
    assert (bad.code, "l.jsonl:1: " in bad.err) == (2, True)


def test_labels_correct_the_report_and_an_artifact_alone_reproduces_it(
    kept: Path, label: Label, run: Runs, tmp_path: Path
) -> None:
    before = run("experiments", "show")
    assert "uncorrected" in before.out
    assert "corrected by people" in label("ynyynyynyyny", "--rater", "anna").out
    shown = run("experiments", "show", "--json").json
    metric = next(each for each in shown["metrics"] if each["metric"]["name"] == "faithfulness")
    assert metric["corrected"]["n"] == 12
    from assay.evaluation.artifacts.run_file import read
    from assay.releases.measuring.evaluating import with_labels
    from assay.releases.measuring.labelling import opened_labels
    from assay.releases.project import Project

    with opened_labels(Project.load(None)) as store:
        artifact = write(with_labels(read(Path(shown["artifact"])), store), tmp_path / "elsewhere")
    label("nnnn", "--rater", "anna")
    again = run("eval", "recompute", artifact, "--json").json
    assert (
        next(e for e in again["metrics"] if e["metric"]["name"] == "faithfulness")["corrected"] == metric["corrected"]
    )


def test_propose_lists_what_label_shows_and_keeps_nothing(kept: Path, label: Label, run: Runs, tmp_path: Path) -> None:
    label("yynyynyynyyn", "--rater", "anna")
    listed = run("judge", "propose", "-k", 5, "--json").json
    assert listed == run("judge", "propose", "-k", 5, "--json").json
    assert len(listed["cases"]) == 5
    assert 0 < listed["expected"] < listed["width"]
    assert listed["cases"][0] in run("judge", "propose", "-k", 5).out
    label("yyy", "--rater", "anna", "--propose", "--count", 5)
    label("yy", "--rater", "anna", "--propose", "--count", 5)
    said = values(run, tmp_path / "l.jsonl")
    assert [case for _, case, _ in said[12:]] == listed["cases"]
    lines = [json.loads(line) for line in (tmp_path / "l.jsonl").read_text("utf-8").splitlines()]
    assert [line["kind"] for line in lines].count("draw") == 1
    assert all(0 < line["probability"] <= 1 for line in lines[-5:])


def test_the_judges_report(kept: Path, label: Label, run: Runs) -> None:
    label("yynyynyynyyn", "--rater", "anna")
    told = run("judge", "report", "--sample", 0, "--json").json
    assert told["people"]["cases"] == 12
    assert told["corrected"]["n"] == 12
    assert told["probed"] is None
    text = run("judge", "report")
    assert text.code == 0
    for words in ("judge alone", "corrected", "sensitivity", "label next", "drift", "was judged by another judge"):
        assert words in text.out
    anew = run("judge", "report", "--judge", "offline", "--sample", 4, "--json").json
    assert "judged anew by offline" in anew["notices"][0]
    assert anew["probed"]["repeats"]["value"] == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["label", "-m", "nope"], "judged in it: faithfulness, relevance"),
        (["label", "zz"], "no experiment begins with 'zz'"),
        (["label", "--scale", "7"], "--scale '7': write yes-no or 1-5"),
        (["label", "agreement"], "there are no labels yet"),
        (["label", "--import", "missing.jsonl"], "missing.jsonl"),
        (["judge", "report", "--judge", "nobody"], "no judge 'nobody'"),
    ],
)
def test_what_is_wrong_is_said(kept: Path, run: Runs, arguments: list[str], told: str) -> None:
    done = run(*arguments)
    assert (done.code, told in done.err) == (2, True), done.err


class Terminal:
    """The command in a terminal of 80 by 24."""

    def __init__(self, *arguments: str) -> None:
        self.pid, self.screen = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "xterm", "COLUMNS": "80", "LINES": "24"})
            os.execv(sys.executable, [sys.executable, "-c", "from assay.cli.entry import main; main()", *arguments])
        fcntl.ioctl(self.screen, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.text = ""

    def press(self, keys: str) -> None:
        os.write(self.screen, keys.encode())

    def until(self, words: str, seconds: float = 30) -> str:
        """What is written up to and with ``words``."""
        end = time.monotonic() + seconds
        while words not in _bare(self.text):
            assert time.monotonic() < end, _bare(self.text)
            if select.select([self.screen], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.screen, 65536).decode(errors="replace")
                except OSError:
                    break
        found, self.text = self.text, ""
        return _bare(found)

    def ended(self) -> int:
        return os.waitpid(self.pid, 0)[1]


def _bare(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@pytest.fixture
def terminal(kept: Path) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        opened.append(Terminal(*arguments))
        return opened[-1]

    yield start
    for each in opened:
        os.close(each.screen)


def test_keys_in_a_terminal_and_a_kill_that_loses_nothing(
    terminal: Callable[..., Terminal], run: Runs, tmp_path: Path
) -> None:
    first = terminal("label", "--rater", "anna")
    screen = first.until("q quit")
    assert "1 of 30" in screen
    assert "o ──" in screen
    assert "\x1b[2JTrains" not in screen
    first.press("o")
    first.until("o ──")
    first.press("\x1b[A")
    assert "that key means nothing here" in first.until("above")
    for number, key in enumerate("yn?", 2):
        first.press(key)
        shown = first.until(f"{number} of 30")
        assert len(shown.splitlines()) <= 25
    os.kill(first.pid, signal.SIGKILL)
    first.ended()
    assert [value for _, _, value in values(run, tmp_path / "l.jsonl")] == [1.0, 0.0, None]
    second = terminal("label", "--rater", "anna")
    assert "1 of 27" in second.until("q quit")
    second.press("uy")
    second.until("2 of 27")
    second.press("q")
    assert "1 labelled" in second.until("26 left for anna")
    assert second.ended() == 0
    assert len(values(run, tmp_path / "l.jsonl")) == 4


def test_an_evaluation_shows_the_corrected_rate_as_soon_as_there_are_labels(
    app: Path, label: Label, run: Runs, tmp_path: Path
) -> None:
    assert run("ingest", "--quiet").code == 0
    cases = tmp_path / "cases.jsonl"
    lines = [json.dumps({"question": f"What may a hotel cost a night? ({n})"}) for n in range(12)]
    cases.write_text("\n".join(lines), "utf-8")
    command = ("eval", "--dataset", cases, "--scorer", "faithfulness", "--against", "assay.toml", "--json")
    first = run(*command).json
    assert next(each for each in first["metrics"] if each["metric"]["judged"])["corrected"] is None
    label("yny", "--rater", "anna")
    few = run(*command).json
    assert "this file: faithfulness is not corrected: 3 labels so far; label 7 more" in few["notices"]
    label("y" * 9, "--rater", "anna")
    full = run(*command).json
    corrected = next(each for each in full["metrics"] if each["metric"]["judged"])["corrected"]
    assert corrected["value"] == pytest.approx(11 / 12)
    again = run("eval", "recompute", full["artifact"], "--json").json
    assert next(each for each in again["metrics"] if each["metric"]["judged"])["corrected"] == corrected
    comparisons = sorted((app / ".assay" / "comparisons").glob("*.json"), key=lambda path: path.stat().st_mtime)
    assert "is the same" in run("eval", "recompute", comparisons[-1], "--json").json["notices"][0]
