"""``assay eval`` and ``assay experiments``, as typed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from assay.testing.model_server import ModelServer, Received
from assay.testing.replies import Hang, Reply, Say

if TYPE_CHECKING:
    from tests.cli.conftest import Run

CASES: list[dict[str, Any]] = [
    {"id": "days", "question": "How many days of paid holiday are there a year?", "expected": "30 days"},
    {"id": "carry", "question": "How many unused days may be carried over?", "expected": "Up to five"},
    {"id": "class", "question": "Which class are trains booked in?", "expected": "second class"},
    {"id": "hotel", "question": "What may a hotel cost a night?", "expected": "up to 140 euros"},
    {"id": "horse", "question": "Which horse won the Derby?", "answerable": False},
]
RELEVANT = {"days": "holidays.md", "carry": "holidays.md", "class": "travel.md", "hotel": "travel.md"}
MAIN = '[models.main]\nuses = "openai-compatible"\nbase_url = "{url}"\nmodel = "scripted"\n\n[answer]'


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


def answered(request: Received) -> Reply:
    """An answer, or what a judge is asked for."""
    said = json.dumps(request.body["messages"])
    return Say('{"reason": "so", "verdict": "yes"}' if "verdict" in said else "Trains are in second class. [1]")


@pytest.fixture
def cases(app: Path) -> Path:
    """The handbook with five cases; nothing ingested yet."""
    lines = []
    for case in CASES:
        found = {"relevant": [RELEVANT[case["id"]]]} if case["id"] in RELEVANT else {}
        lines.append(json.dumps(case | found | {"tags": {"area": "rules" if found else "sport"}}))
    (app / "evals" / "example.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return app


@pytest.fixture
def measured(cases: Path, run: Run) -> Path:
    """The handbook, ingested, with its cases."""
    assert run("ingest", "--quiet").code == 0
    return cases


@pytest.fixture
def server(measured: Path) -> Iterator[ModelServer]:
    """A language model that answers and judges, behind a port."""
    with ModelServer(answered).in_thread() as started:
        edit(measured / "assay.toml", "\n[answer]", "\n" + MAIN.format(url=started.base_url))
        edit(measured / "assay.toml", 'route = ["local"]', 'route = ["main"]')
        yield started


def test_an_unchanged_evaluation_asks_neither_the_model_nor_the_judge(run: Run, server: ModelServer) -> None:
    command = ("eval", "--json", "--judge", "main", "--scorer", "relevance", "--scorer", "abstention")
    first = run(*command).json
    assert first["run"]["failed"] == 0
    asked = len(server.received)
    assert asked >= 4, "the model answered and judged"
    again = run(*command).json
    assert len(server.received) == asked
    assert again["run"]["means"] == first["run"]["means"]
    forecast = run("eval", "--dry-run", "--json", "--judge", "main", "--scorer", "relevance").json["this file"]
    assert (forecast["answers"]["known"], forecast["answers"]["missing"]) == (5, 0)
    assert len(server.received) == asked, "a dry run asks nobody"


def test_a_dry_run_says_what_is_known_and_what_would_be_done(run: Run, measured: Path) -> None:
    before = run("eval", "--dry-run")
    assert before.code == 0
    assert "5 cases" in before.out
    assert "answers" in before.out
    assert run("eval", "-q", "--limit", "2").code == 0
    found = run("eval", "--dry-run", "--json").json["this file"]
    assert (found["answers"]["known"], found["answers"]["missing"]) == (2, 3)
    assert run("eval", "-q").code == 0
    assert "everything is known: no call, no cost" in run("eval", "--dry-run").out


def test_the_gate_answers_by_its_exit_status(run: Run, measured: Path) -> None:
    assert "no [evaluation.gate]" in run("eval", "--gate").err
    edit(measured / "assay.toml", "[evaluation.gate]", "[evaluation.gate]\nabstention = { margin = 0.02 }\n")
    assert "no release is live yet" in run("eval", "--gate").err
    assert run("release", "name", "live").code == 0
    same = run("eval", "--gate")
    assert same.code == 0, "what has not changed is not worse, however few the cases"
    assert "this very release" in same.err
    edit(measured / "assay.toml", "# keep = 8 ", "keep = 7 ")
    changed = run("eval", "--gate", "--html", "r.html", "--markdown", "s.md", "--junit", "out/j.xml")
    assert changed.code == 2
    assert "inconclusive" in changed.out
    assert "more cases like these would settle it" in changed.out
    assert "∞" in changed.out or "inf" not in changed.out
    assert ElementTree.parse("out/j.xml").getroot().get("errors") == "1"
    assert "evals: cannot be written" in run("eval", "--html", "evals").err
    assert Path("r.html").read_text("utf-8").lower().startswith("<!doctype html>")
    assert "Inconclusive" in Path("s.md").read_text("utf-8").splitlines()[0]


def test_a_baseline_is_live_a_digest_a_commit_or_a_file(run: Run, measured: Path) -> None:
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", str(measured))
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "first")):
        subprocess.run([*git, *words], check=True, capture_output=True)
    assert run("release", "name", "v1").code == 0
    digest = run("release", "list", "--json").json[0]["digest"]
    (measured / "other.toml").write_text((measured / "assay.toml").read_text("utf-8"), "utf-8")
    edit(measured / "assay.toml", "# keep = 8 ", "keep = 7 ")
    for name in ("v1", digest[:10], "git:HEAD", "other.toml"):
        found = run("eval", "--json", "--scorer", "retrieval", "--against", name).json
        assert found["baseline"]["subject"] == digest, name
        assert found["comparison"]["baseline"] == name
        assert found["comparison"]["verdict"] is None
    assert run("release", "list").out.count("v1") == 1


WRONG = {
    ("--scorer", "retreival"): "retrieval",
    ("--judge", "offlin"): "did you mean 'offline'",
    ("--judge", "local"): "only quotes and cannot judge",
    ("--judge", ""): "--judge is empty",
    ("--against", ""): "--against is empty",
    ("--against", "nope"): "no release is kept under 'nope'; `assay release list`",
    ("--against", "git:nope"): "git",
    ("--against", "nope.toml"): "nope.toml: there is no such file",
    ("--tag", "area"): "write KEY=VALUE",
    ("--tag", "area=law"): "area is one of: rules, sport",
    ("--tag", "language=de"): "the tags are: area",
    ("--dataset", "nope.jsonl"): "nope.jsonl",
    ("--dataset", "evals"): "evals is a folder",
}


def test_what_is_named_wrongly_is_told_with_its_mend(run: Run, cases: Path) -> None:
    for arguments, said in WRONG.items():
        ended = run("eval", *arguments)
        assert ended.code == 2, arguments
        assert said in ended.err, arguments
        assert ended.err.startswith("error: "), arguments
    assert "cannot name a release" in run("release", "name", "git:x").err


def test_a_guard_that_nothing_measures_is_found_before_anything_is_asked(run: Run, server: ModelServer) -> None:
    edit(Path("assay.toml"), "[evaluation.gate]", "[evaluation.gate]\nabstention = { margin = 0.1 }\n")
    assert run("release", "name", "live").code == 0
    ended = run("eval", "--gate", "--scorer", "retrieval")
    assert ended.code == 2
    assert "evaluation.gate.abstention: nothing measures it" in ended.err
    assert server.received == []
    looked = run("eval", "--against", "live", "--scorer", "retrieval")
    assert looked.code == 0
    assert "evaluation.gate.abstention is not asked" in looked.err


def test_mistakes_in_cases_are_told_with_their_line(run: Run, cases: Path) -> None:
    with (cases / "evals" / "example.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"question": "x", "relevnt": []}\n')
    ended = run("eval")
    assert ended.code == 2
    assert 'example.jsonl:6: there is no key "relevnt"; did you mean "relevant"' in ended.err


def test_without_an_index_or_cases_it_says_what_to_do(run: Run, app: Path) -> None:
    assert "run `assay ingest`" in run("eval").err
    assert "run `assay ingest`" in run("eval", "--dry-run").err
    edit(app / "assay.toml", "datasets = ", "# datasets = ")
    assert "no cases: name a file with --dataset" in run("eval").err


def test_runs_are_listed_searched_shown_and_compared(run: Run, measured: Path) -> None:
    assert "no run is kept yet" in run("experiments", "list").out
    assert "no experiment begins with 'latest'" in run("experiments", "show").err
    first = run("eval", "--json", "--scorer", "abstention").json
    edit(measured / "assay.toml", "# abstain_below = 0.5 ", "abstain_below = 1.0 ")
    assert run("eval", "-q", "--scorer", "abstention").code == 0
    listed = run("experiments", "list", "--json").json
    assert [each["id"] for each in listed][1] == first["run"]["id"]
    assert [each["id"] for each in run("experiments", "list", "abstention>0.5", "--json").json] == [first["run"]["id"]]
    assert "no run is such: abstention>2" in run("experiments", "list", "abstention>2").out
    assert "this file" in run("experiments", "show").out
    compared = run("experiments", "compare", "latest", first["run"]["id"][:6], "--json").json["comparison"]
    assert {each["metric"] for each in compared["flips"]} == {"abstention"}
    assert "several experiments" in run("experiments", "show", "").err or run("experiments", "show", "").code == 2
    assert "`assay experiments list`" in run("experiments", "show", "zzz").err


def test_every_number_is_computed_again_from_the_files(run: Run, measured: Path) -> None:
    assert run("release", "name", "live").code == 0
    edit(measured / "assay.toml", "# abstain_below = 0.5 ", "abstain_below = 1.0 ")
    made = run("eval", "--json", "--scorer", "abstention", "--against", "live").json
    one = run("eval", "recompute", made["artifact"], "--json").json
    assert one["metrics"] == made["metrics"]
    two = run("eval", "recompute", made["artifact"], made["baseline_artifact"], "--json").json
    assert two["comparison"] == made["comparison"]
    kept = Path(made["comparison_file"])
    again = run("eval", "recompute", kept)
    assert again.code == 0
    assert "is the same" in again.err
    value = json.loads(kept.read_text("utf-8"))
    value["said"]["metrics"][0]["difference"]["value"] += 0.25
    kept.write_text(json.dumps(value), "utf-8")
    tampered = run("eval", "recompute", kept)
    assert tampered.code == 1
    assert "does not say what its two runs give, in 1 place;" in tampered.err
    assert "metrics[0].difference.value" in tampered.err
    astray = measured / "astray.json"
    astray.write_text(kept.read_text("utf-8"), "utf-8")
    assert "put both beside it" in run("eval", "recompute", astray).err
    for path, said in (("assay.toml", "not JSON"), ("nope.json", "No such file"), ("evals", "directory")):
        assert said in run("eval", "recompute", path).err


def test_interrupted_it_keeps_what_was_done_and_goes_on_from_there(measured: Path) -> None:
    done, stuck = 2, threading.Event()

    def slow(_: Received) -> Reply:
        if len(model.received) <= done:
            return Say("Trains are in second class. [1]")
        stuck.set()
        return Hang()

    model = ModelServer(slow)
    with model.in_thread():
        edit(measured / "assay.toml", "\n[answer]", "\n" + MAIN.format(url=model.base_url))
        edit(measured / "assay.toml", 'route = ["local"]', 'route = ["main"]')
        start = [sys.executable, "-c", "from assay.cli.entry import main; main()", "eval"]
        command = [*start, "--concurrency", "1", "--scorer", "latency"]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Whoever started the tests in the background may have had the signal ignored, which is inherited.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        ) as process:
            try:
                assert stuck.wait(60)
                process.send_signal(signal.SIGINT)
                said = process.communicate(timeout=30)
            finally:
                process.kill()
        assert process.returncode == 130, said
        assert said[1].count("interrupted") == 1
        assert "Traceback" not in said[1]
        forecast = subprocess.run([*start, "--dry-run", "--json"], capture_output=True, text=True, check=True)
        answers = json.loads(forecast.stdout)["this file"]["answers"]
        assert (answers["known"] >= done, answers["missing"] >= 1) == (True, True), answers
