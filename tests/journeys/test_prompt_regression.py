"""A prompt file is edited and one command says whether the release may go out: a regression suite for prompts.

The model is a real server on a local port. It quotes the passage that holds the answer, unless the prompt tells
it to round its numbers; then it does, as models do as they are told.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from assay.cli.app import main
from assay.testing.model_server import ModelServer, Received
from assay.testing.replies import Say

# fmt: off
TOWNS = (
    "Abernethy", "Birnam", "Crieff", "Dunkeld", "Elgin", "Forres", "Gourock", "Huntly",
    "Inverurie", "Jedburgh", "Kelso", "Lanark", "Moffat", "Nairn", "Oban", "Peebles",
    "Queensferry", "Rothesay", "Selkirk", "Tobermory", "Ullapool", "Vatersay", "Wick", "Yetholm",
    "Ardgay", "Ballater", "Callander", "Dornoch", "Ellon", "Fortrose", "Girvan", "Hawick",
    "Irvine", "Keith", "Largs", "Melrose", "Newburgh", "Portree", "Stornoway", "Thurso",
)
# fmt: on
GATE = "[evaluation.gate]\ncorrectness = { margin = 0.15 }\nerrors = { margin = 0.15 }\n"


def fee(number: int) -> int:
    return 100 + 7 * number


def reply(request: Received) -> Say:
    """The passage's sentence with its number, as the prompt demands; rounded where the prompt says so."""
    said = "\n".join(message["content"] for message in request.body["messages"])
    town = re.findall(r"parking permit in (\w+) cost", said)[-1]
    sentence = f"A parking permit in {town} costs {fee(TOWNS.index(town))} pounds a year."
    at = said.index(sentence)
    number = re.findall(r"\[(\d+)\]", said[:at])[-1]
    if "round every number" in said:
        sentence = f"A parking permit in {town} costs about 1000 pounds."
    return Say(f"{sentence} [{number}]")


@dataclass(frozen=True)
class Application:
    folder: Path
    assay: Callable[..., int]
    server: ModelServer

    @property
    def prompt(self) -> Path:
        return self.folder / "prompts" / "answer.md"


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    """Forty documents and a case about each, a model behind a server, and the first prompt made live."""

    def assay(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["assay", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    documents, folder = tmp_path / "documents", tmp_path / "app"
    documents.mkdir()
    for number, town in enumerate(TOWNS):
        text = f"# Parking in {town}\n\nA parking permit in {town} costs {fee(number)} pounds a year.\n"
        (documents / f"{town}.md").write_text(text, encoding="utf-8")
    assert assay("init", str(folder), "--from", str(documents)) == 0
    monkeypatch.chdir(folder)
    cases = [
        {
            "id": town,
            "question": f"What does a parking permit in {town} cost?",
            "expected": f"{fee(number)} pounds a year",
            "relevant": [f"{town}.md"],
        }
        for number, town in enumerate(TOWNS)
    ]
    (folder / "evals" / "example.jsonl").write_text("".join(json.dumps(each) + "\n" for each in cases), "utf-8")
    with ModelServer(reply).in_thread() as server:
        model = f'[models.main]\nuses = "openai-compatible"\nbase_url = "{server.base_url}"\nmodel = "scripted"\n'
        text = (folder / "assay.toml").read_text("utf-8")
        text = text.replace('route = ["local"]', 'route = ["main"]').replace("[evaluation.gate]", GATE, 1)
        text = text.replace("# keep = 8 ", "keep = 2 ").replace("# scorers =", 'scorers = ["correctness"] #')
        (folder / "assay.toml").write_text(text.replace("[answer]", f"{model}\n[answer]", 1), "utf-8")
        assert assay("ingest", "--quiet") == 0
        assert assay("release", "name", "live") == 0
        yield Application(folder, assay, server)


def test_a_prompt_made_worse_fails_a_harmless_rewording_passes_and_few_cases_settle_nothing(
    application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    assay, prompt, first = application.assay, application.prompt, application.prompt.read_text("utf-8")

    reworded = first.replace("Be brief.", "Be short.")
    assert reworded != first
    prompt.write_text(reworded, "utf-8")
    assert assay("eval", "--gate", "--junit", "junit.xml", "--markdown", "summary.md") == 0
    said = capsys.readouterr().out
    assert "pass: 2 guards passed" in said
    assert 'failures="0"' in (application.folder / "junit.xml").read_text("utf-8")

    asked = len(application.server.received)
    assert assay("eval", "--gate") == 0
    assert len(application.server.received) == asked, "an unchanged evaluation asks no model"
    capsys.readouterr()

    prompt.write_text(first.replace("Be brief.", "Be brief, and round every number."), "utf-8")
    assert assay("eval", "--gate", "--junit", "junit.xml", "--markdown", "summary.md", "--json") == 1
    found = json.loads(capsys.readouterr().out)["comparison"]
    guards = {each["guard"]["metric"]: each["verdict"]["verdict"] for each in found["guards"]}
    assert guards == {"correctness": "fail", "errors": "pass"}
    assert found["verdict"]["verdict"] == "fail"
    assert "correctness" in found["verdict"]["why"]
    worse = [flip["case"] for flip in found["flips"] if flip["metric"] == "correctness" and flip["after"] < 0.5]
    assert len(worse) > len(TOWNS) / 2
    assert all(flip["trace_before"] and flip["trace_after"] for flip in found["flips"])
    assert len(application.server.received) == asked + len(TOWNS), "only the release that changed is asked"
    assert 'failures="1"' in (application.folder / "junit.xml").read_text("utf-8")
    assert "Fail" in (application.folder / "summary.md").read_text("utf-8").splitlines()[0]

    prompt.write_text(reworded, "utf-8")
    assert assay("eval", "--gate", "--limit", "6", "--json") == 2
    verdict = json.loads(capsys.readouterr().out)["comparison"]["verdict"]
    assert verdict["verdict"] == "inconclusive"
    assert verdict["needs"] >= 12, "eighteen cases without any difference are the least that can show 0.15"
