"""``assay dataset``: what it prints, what it writes, what it refuses."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from assay.evaluation.cases import Case
from assay.evaluation.datasets.files import read_cases, write_dataset
from assay.testing.chat_model import ScriptedModel

if TYPE_CHECKING:
    from tests.cli.conftest import Run

    from assay.models.chat import Request

QUESTION = "How many days of holiday does an employee have?"


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    path = tmp_path / "cases.jsonl"
    write_dataset(
        [Case(f"i{n}", f"q{n}", ("a",), (f"d{n // 2}",), tags={"kind": "ab"[n % 2]}) for n in range(40)], path
    )
    return path


def test_a_new_application_has_a_dataset_that_is_valid(app: Path, run: Run) -> None:
    shown = run("dataset", "show", "evals/*.jsonl", "--json")
    assert shown.code == 0
    assert {key: shown.json[key] for key in ("name", "cases", "answerable", "unanswerable", "relevant", "sources")} == {
        "name": "example",
        "cases": 3,
        "answerable": 2,
        "unanswerable": 1,
        "relevant": 2,
        "sources": {"scaffold": 3},
    }
    assert "3 cases" in run("dataset", "show", "evals/example.jsonl").out


def test_show_counts_and_says_what_could_be_detected(cases: Path, run: Run, tmp_path: Path) -> None:
    shown = run("dataset", "show", cases, "--json").json
    assert (shown["cases"], shown["expected"], shown["documents"], shown["clusters"]) == (40, 40, 20, 20)
    assert shown["tags"] == {"kind": {"a": 20, "b": 20}}
    assert 0.2 < shown["detectable"] < 0.6
    assert len(shown["digest"]) == 64
    more = tmp_path / "more.jsonl"
    write_dataset([Case("x", "another", relevant=("d3",))], more)
    both = run("dataset", "show", cases, more, "--json").json
    assert (both["cases"], both["shared"], [part["cases"] for part in both["files"]]) == (41, 1, [40, 1])
    assert "1 group of cases on the same documents" in run("dataset", "show", cases, more).out


def test_a_bad_line_ends_with_its_place(cases: Path, run: Run) -> None:
    with cases.open("a", encoding="utf-8") as file:
        file.write('{"question": "q", "relevent": ["x"]}\n')
    done = run("dataset", "show", cases)
    assert done.code == 2
    assert 'cases.jsonl:41: there is no key "relevent"; did you mean "relevant"?' in done.err


def test_a_split_keeps_documents_together_and_cases_where_they_were(cases: Path, run: Run, tmp_path: Path) -> None:
    done = run("dataset", "split", cases, "--into", "train=.6,test=.4", "--out", tmp_path / "parts", "--json")
    parts = {part["name"]: part for part in done.json["parts"]}
    assert sum(part["cases"] for part in parts.values()) == 40
    train, test = (read_cases(tmp_path / "parts" / f"{name}.jsonl") for name in ("train", "test"))
    assert [case.id for case in train] == parts["train"]["ids"]
    assert not {c.relevant for c in train} & {c.relevant for c in test}
    assert run("dataset", "show", str(tmp_path / "parts" / "*.jsonl"), "--json").json["shared"] == 0
    again = run("dataset", "split", cases, "--into", "train=.6,test=.4", "--out", tmp_path / "parts", "--seed", 9)
    assert again.code == 0
    assert read_cases(tmp_path / "parts" / "train.jsonl") == train
    fresh = run("dataset", "split", cases, "--into", "train=.6,test=.4", "--seed", 9, "--json").json["parts"]
    assert fresh[0]["ids"] != parts["train"]["ids"]
    assert fresh[0]["file"] is None


@pytest.mark.parametrize("into", ["train", "train=x", "a/b=1", "a=.5,a=.5", ".hidden=1", "a=.5,b=.2", "a=2,b=-1"])
def test_shares_that_are_none_are_refused(cases: Path, run: Run, into: str) -> None:
    done = run("dataset", "split", cases, "--into", into)
    assert done.code == 2
    assert "train=.6,test=.4" in done.err or "train=0.6,test=0.4" in done.err


def test_a_case_is_added_by_options(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "evals" / "hand.jsonl"
    options = ["--expected", "140 euros", "--expected", "140 EUR", "--relevant", "travel.md", "--tag", "area=a=b"]
    done = run("dataset", "add", path, "--question", "Hotel?", *options, "--answerable", "--json")
    (case,) = read_cases(path)
    assert done.json["added"] == [case.id]
    assert case == Case(
        case.id,
        "Hotel?",
        ("140 euros", "140 EUR"),
        ("travel.md",),
        answerable=True,
        tags={"area": "a=b"},
        provenance={"source": "human"},
    )
    again = run("dataset", "add", path, "--question", "Hotel?")
    assert again.code == 2
    assert f'the id "{case.id}" is that of {path}:1 too' in again.err
    assert len(read_cases(path)) == 1
    assert run("dataset", "add", path, "--question", "x", "--tag", "area").code == 2
    assert run("dataset", "add", path).code == 2
    assert run("dataset", "add", path, "--question", "x", "--from-json", "-").code == 2


def test_cases_are_added_as_json(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cases.jsonl"
    monkeypatch.setattr(sys, "stdin", io.StringIO('\n{"id": "a", "question": "q\u2028"}\n{"id": "b", "question": "r"}'))
    assert run("dataset", "add", path, "--from-json", "-", "--json").json["added"] == ["a", "b"]
    assert read_cases(path)[0].question == "q\u2028"
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"id": "c"}\n'))
    bad = run("dataset", "add", path, "--from-json", "-")
    assert bad.code == 2
    assert 'standard input:1: "question" is missing' in bad.err
    assert len(read_cases(path)) == 2
    assert run("dataset", "add", path, "--from-json", "-", "--answerable").code == 2


def test_what_users_asked_becomes_cases(app: Path, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "live.jsonl"
    run("ingest")
    run("ask", QUESTION)
    run("ask", QUESTION.upper())
    run("ask", "What is the boiling point of tungsten?")
    done = run("dataset", "from-traces", path, "--abstained", "--json")
    assert (len(done.json["added"]), done.json["repeated"]) == (1, 0)
    assert [case.question for case in read_cases(path)] == ["What is the boiling point of tungsten?"]
    done = run("dataset", "from-traces", path, "--since", "1h", "--json")
    assert (len(done.json["added"]), done.json["repeated"]) == (1, 2)
    case = read_cases(path)[1]
    assert case.provenance["source"] == "trace"
    assert case.provenance["release"] == run("release", "show", "--json").json["digest"]
    assert "added 0 cases" in run("dataset", "from-traces", path).out
    assert run("dataset", "from-traces", path, "--release", "beef").code == 2
    assert run("dataset", "from-traces", path, "--failed").code == 2
    assert run("dataset", "from-traces", path, "--since", "2001-01-01", "--json").json["added"] == []
    assert "--since" in run("dataset", "from-traces", path, "--since", "yesterday").err


def test_traces_without_content_say_what_to_change(app: Path, run: Run, tmp_path: Path) -> None:
    settings = app / "assay.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("[tracing]\n", "[tracing]\ncontent = false\n"), encoding="utf-8")
    run("ingest")
    run("ask", QUESTION)
    done = run("dataset", "from-traces", tmp_path / "live.jsonl")
    assert done.code == 2
    assert "content = true under [tracing]" in done.err
    assert not (tmp_path / "live.jsonl").exists()


def test_a_live_trace_is_scored_as_the_answer_itself(app: Path, run: Run) -> None:
    from assay.evaluation.datasets.from_trace import sample_from_trace
    from assay.evaluation.samples import Answered, Outcome
    from assay.messages import Turn
    from assay.releases.build import open_application
    from assay.releases.inspection import opened_traces
    from assay.releases.measuring.subject import ReleaseSubject
    from assay.releases.project import Project

    run("ingest")
    project = Project.load(None)
    asked = [
        Case("a", QUESTION),
        Case("b", "What is the boiling point of tungsten?"),
        Case("c", "And for a hotel?", history=(Turn("user", "What is paid for a train?"), Turn("assistant", "x"))),
        Case("d", "?!"),
    ]

    async def answers() -> list[Outcome]:
        application = open_application(project)
        try:
            subject = ReleaseSubject(application)
            return [await subject.ask(case, 0) for case in asked]
        finally:
            await application.close()

    direct = anyio.run(answers)
    with opened_traces(project) as traces:
        for case, outcome in zip(asked, direct, strict=True):
            assert isinstance(outcome, Answered)
            trace = traces.get(outcome.trace or "")
            assert trace.root.error is None
            sample = sample_from_trace(trace)
            live = sample.outcome
            assert isinstance(live, Answered)
            assert live.content == outcome.content
            assert (live.model, live.cost, live.usage) == (outcome.model, outcome.cost, outcome.usage)
            assert live.milliseconds == pytest.approx(outcome.milliseconds, abs=20)
            assert sample.case.question == case.question
            assert sample.case.history == case.history[:1]


def written(request: Request) -> str:
    system, user = (getattr(message, "text", "") for message in request.messages)
    if system.startswith("You answer"):
        return "140 euros" if "How much" in user else "NOT ANSWERED"
    if "does not answer" in system:
        return "QUESTION: How many stars may a hotel have?"
    return "QUESTION: How much may a hotel cost a night?\nANSWER: up to 140 euros"


def test_synthetic_cases_are_appended_as_they_pass(
    app: Path, handbook: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (handbook / "holidays.md").unlink()
    (handbook / "travel.md").write_text(
        "# Travel\n\nA hotel may cost up to 140 euros a night, breakfast included, and is booked by the assistant of "
        "the department at least two weeks before the journey begins.\n",
        encoding="utf-8",
    )
    run("ingest")
    path = tmp_path / "synthetic.jsonl"
    assert run("dataset", "synthesise", path).code == 2
    offline = run("dataset", "synthesise", path, "--single", 1)
    assert offline.code == 1
    assert "no language model" in offline.out
    assert "name one" in run("dataset", "synthesise", path, "--multi", 1).err
    assert 'no model "mian"' in run("dataset", "synthesise", path, "--single", 1, "--model", "mian").err
    assert "only quotes" in run("dataset", "synthesise", path, "--single", 1, "--model", "local").err
    model = ScriptedModel(written)
    monkeypatch.setattr("assay.releases.measuring.synthesising.chosen_model", lambda project, name: model)
    done = run("dataset", "synthesise", path, "--single", 2, "--unanswerable", 1, "--json")
    assert done.code == 1  # there is one passage
    told = json.loads(done.out)
    assert told["admitted"] == {"single-passage": 1, "unanswerable": 1}
    assert told["calls"] == len(model.requests) == 4
    answerable, unanswerable = read_cases(path)
    assert told["added"] == [answerable.id, unanswerable.id]
    assert (answerable.relevant, answerable.expected) == (("travel.md",), ("up to 140 euros",))
    assert answerable.provenance["found_at"] == 1
    assert (unanswerable.answerable, unanswerable.cluster) == (False, "travel.md")
    again = run("dataset", "synthesise", path, "--single", 1)
    assert "1 rejected: asks what another case asks" in again.out
    assert len(read_cases(path)) == 2
