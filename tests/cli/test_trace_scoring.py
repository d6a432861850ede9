"""``assay trace score``: recorded answers through the scorers that measure releases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cli.conftest import Run


def metric(done: Any, name: str) -> Any:
    return next(each for each in done.json["metrics"] if each["metric"]["name"] == name)


def test_recorded_answers_are_scored_as_they_were_given(app: Path, run: Run) -> None:
    run("ingest", "-q")
    for question in ("How much may a hotel cost?", "How many days of paid holiday are there?", "Who is the king?"):
        run("ask", question, "--json")
    done = run("trace", "score", "--json", "-q")
    assert done.code == 0
    assert done.json["run"]["cases"] == 3
    faithfulness = metric(done, "faithfulness")
    assert faithfulness["estimate"]["n"] == 2
    assert faithfulness["estimate"]["value"] > 0.8
    assert faithfulness["unscored"] == {"abstained": 1}
    assert metric(done, "correctness")["estimate"] is None
    assert Path(done.json["artifact"]).exists()


def test_only_as_many_as_asked_and_only_of_one_release(app: Path, run: Run) -> None:
    run("ingest", "-q")
    for question in ("How much may a hotel cost?", "Which class are trains booked in?"):
        run("ask", question, "--json")
    assert run("trace", "score", "-n", 1, "--json", "-q").json["run"]["cases"] == 1
    assert run("trace", "score", "--release", "0" * 12, "-q").code == 2


def test_no_recorded_answer_is_said_so(app: Path, run: Run) -> None:
    done = run("trace", "score", "-q")
    assert done.code == 2
    assert "no recorded answer" in done.err
