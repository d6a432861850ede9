"""What yesterday's version left behind still loads: state-1 is from before releases were created and environments
had names, state-2 from when both were new. ``make.py`` says how a generation is made."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from assay.cli.app import main

HERE = Path(__file__).parent
GENERATIONS = sorted(path.name for path in HERE.glob("state-*"))
LARGEST = 200_000

Asked = Callable[..., tuple[int, str, str]]


@pytest.fixture(params=GENERATIONS)
def app(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An application as a generation left it, in the current directory; its index is gone, as it is derived."""
    kept = HERE / str(request.param)
    for name in ("app", "documents"):
        shutil.copytree(kept / name, tmp_path / name)
    state = tmp_path / "app" / ".assay"
    state.mkdir()
    for name in ("runs", "comparisons"):
        shutil.copytree(kept / name, state / name)
    with closing(sqlite3.connect(state / "state.db")) as database:
        database.executescript((kept / "state.sql").read_text("utf-8"))
    monkeypatch.chdir(tmp_path / "app")
    return tmp_path / "app"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Asked:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["assay", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert "internal error" not in said.err
        return int(ended.value.code or 0), said.out, said.err

    return call


def told(answer: tuple[int, str, str]) -> Any:
    assert answer[0] in (0, 1), answer
    return json.loads(answer[1])


def releases(run: Asked) -> list[Any]:
    return list(told(run("release", "list", "--json")))


def test_there_are_generations_and_they_are_small() -> None:
    assert "state-1" in GENERATIONS
    for name in GENERATIONS:
        assert sum(path.stat().st_size for path in (HERE / name).rglob("*") if path.is_file()) < LARGEST


def test_its_releases_are_listed_and_shown_and_what_was_live_is_in_production(app: Path, run: Asked) -> None:
    found = releases(run)
    assert len(found) == 2
    assert [each["environments"] for each in found] == [[], ["production"]]
    assert [each["tags"] for each in found] == [["careful"], []]
    for each in found:
        shown = told(run("release", "show", each["digest"][:12], "--json"))
        assert shown["digest"] == each["digest"], "by the bytes that were kept, not by what would be made of it now"
        assert shown["manifest"]["app"] == {"name": "history"}
    assert told(run("release", "show", "live", "--json"))["digest"] == found[1]["digest"]
    if "state-1" not in str(app):
        made = [each["created"] for each in found if each["created"]]
        assert all(each["by"] == "ada" for each in made)


def test_its_releases_are_compared_and_its_traces_tell_what_that_touches(app: Path, run: Asked) -> None:
    found = told(run("release", "diff", "live", "careful", "--json"))
    keys = [change["key"] for change in found["changes"] if change["group"] != "Code"]
    assert keys == ["answer.prompt.system", "retrieval.keep"]
    assert found["affected"]["answers"] >= 3
    assert found["affected"]["touched"] == found["affected"]["answers"], "each was searched for"
    assert {each["key"]: each["answers"] for each in found["affected"]["changes"]}["answer.prompt.system"] == 0
    log = told(run("prompt", "log", "--json"))
    assert [log[0][key] for key in ("path", "inserted", "deleted")] == ["prompts/answer.md", 3, 0]


def test_its_releases_answer_again(app: Path, run: Asked) -> None:
    assert told(run("ingest", "--quiet", "--json"))["embedded"] == 0, "vectors are kept by text"
    code, out, err = run("ask", "Which class are trains booked in?", "--release", "live", "--json")
    assert code == 0, err
    assert "second class" in json.loads(out)["answer"]
    made = next(each["digest"] for each in releases(run) if "production" in each["environments"])
    now = json.loads(out)["release"]
    assert ("under the present code" in err) is (now != made), "unless this is the very code that made it"
    trace = told(run("trace", "show", json.loads(out)["trace"], "--json"))
    assert trace["release"] == now


def test_its_traces_labels_and_evaluations_can_be_read(app: Path, run: Asked) -> None:
    lines = [json.loads(line) for line in run("trace", "list", "--json")[1].splitlines()]
    assert {line["abstained"] for line in lines} == {None, "not_in_corpus"}
    for line in lines:
        assert told(run("trace", "show", line["id"], "--json"))["spans"]
    assert len(told(run("experiments", "list", "--json"))) == 2
    assert "ada" in run("label", "agreement", "--metric", "faithfulness")[1]


def test_its_evaluations_come_out_with_the_same_values(app: Path, run: Asked) -> None:
    """Intervals may be others, where a later version has a better method: recomputing says so. What was measured
    stays."""
    (comparison,) = (app / ".assay" / "comparisons").glob("*.json")
    found = told(run("eval", "recompute", comparison, "--json"))
    measured = [each for each in found["differences"] if re.search(r"\.(value|n|unscored): ", each)]
    assert measured == []
    assert found["comparison"]["cases"] == 3
    for file in (app / ".assay" / "runs").glob("*.json"):
        metrics = told(run("eval", "recompute", file, "--json"))["metrics"]
        values = {row["metric"]["name"]: row["estimate"]["value"] for row in metrics}
        assert (values["abstention"], values["errors"]) == (1.0, 0.0)
        assert round(values["faithfulness"], 3) == 0.993
