from __future__ import annotations

import fcntl
import io
import json
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assay.errors import ModelTimeout
from assay.evaluation.judges.opening import Bench
from assay.evaluation.judging import Item, Verdict
from assay.releases.measuring import bench
from assay.scores import Scored
from assay.testing.judge import Says, ScriptedJudge

if TYPE_CHECKING:
    from tests.cli.conftest import Run

ANSWER = "A hotel may cost up to 140 euros. Breakfast is extra."
RECORDS: list[dict[str, Any]] = [
    {"id": "a", "question": "How much?", "contexts": ["A hotel may cost up to 140 euros."], "answer": ANSWER},
    {"id": "b", "contexts": ["x"], "answer": "I don't know."},
    {"id": "c", "answer": "140", "expected": ["x", "140"]},
]


def judged(item: Item) -> Says:
    if "timeout" in item.fields["answer"]:
        return ModelTimeout("no answer within 60 s", model="scripted:model")
    return Verdict(Scored(0.25), detail={"unsupported": [[34, 53]], "claims": [{"start": 34, "end": 53}]})


@pytest.fixture(autouse=True)
def judge(monkeypatch: pytest.MonkeyPatch) -> ScriptedJudge:
    scripted = ScriptedJudge(judged)
    monkeypatch.setattr(bench, "bench", lambda file: Bench(offline=lambda: scripted))
    return scripted


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write(RECORDS)


def write(records: list[Any]) -> Path:
    path = Path("records.jsonl")
    lines = (record if isinstance(record, str) else json.dumps(record) for record in records)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_every_record_has_a_line_with_exactly_these_keys(file: Path, run: Run) -> None:
    done = run("score", "faithfulness", "--batch", file, "--json")
    assert done.code == 0, done.err
    assert done.lines == [
        {
            "id": "a",
            "score": 0.25,
            "unscored": None,
            "detail": {"unsupported": [[34, 53]], "claims": [{"start": 34, "end": 53}]},
        },
        {"id": "b", "score": None, "unscored": "abstained", "detail": {}},
        {"id": "c", "score": None, "unscored": "the passages are not known", "detail": {}},
    ]
    assert ANSWER[34:53] == "Breakfast is extra."


def test_bad_lines_are_told_and_the_rest_goes_on(file: Path, run: Run) -> None:
    write([RECORDS[2], "{", {"id": "no answer"}, RECORDS[2]])
    done = run("score", "correctness", "--batch", file, "--json")
    assert done.code == 1
    first, broken, lacking, last = done.lines
    assert first["score"] == last["score"] == 1.0
    assert first["detail"]["match"] == "alias"
    assert (broken["id"], lacking["id"]) == ("2", "no answer")
    assert broken["error"]["message"].startswith("records.jsonl:2: not JSON")
    assert lacking["error"]["message"] == lacking["unscored"] == 'records.jsonl:3: "answer" is missing'
    assert broken["score"] is lacking["score"] is None


def test_a_judge_that_fails_is_an_error_of_its_line(file: Path, run: Run) -> None:
    write([{"id": "t", "contexts": ["x"], "answer": "The timeout is long."}, RECORDS[0]])
    done = run("score", "faithfulness", "--batch", file, "--json")
    assert done.code == 1
    assert [line["score"] for line in done.lines] == [None, 0.25]
    assert done.lines[0]["error"]["type"] == "ModelTimeout"


def test_a_pipe_is_read_and_the_separator_divides(
    file: Path, run: Run, monkeypatch: pytest.MonkeyPatch, judge: ScriptedJudge
) -> None:
    line = b'{"answer": "Georgia", "question": "Where?", "expected": "Decatur/Georgia"}\n{'

    def piped(*options: str) -> Any:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line)))
        return run("score", "correctness", "--batch", "-", "--json", *options)

    whole, bad = piped("--alias-separator", "").lines
    assert (whole["id"], whole["score"]) == ("1", 0.25)
    assert judge.items[0].fields["expected"] == "Decatur/Georgia"
    assert bad["error"]["message"].startswith("standard input:2: ")
    assert piped("--alias-separator", "/").lines[0]["score"] == 1.0
    assert piped().lines[0]["score"] == 1.0
    assert piped("--alias-separator", "|").lines[0]["score"] == 0.25
    assert len(judge.items) == 2


def unread(pipe: int) -> int:
    """How many bytes the other side has not yet read."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_an_interrupt_ends_it_at_once_though_the_pipe_stays_open(file: Path) -> None:
    command = [sys.executable, "-c", "from assay.cli.entry import main; main()"]
    with subprocess.Popen(
        [*command, "score", "abstention", "--batch", "-", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Whoever started the tests in the background may have had the signal ignored, which is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            process.stdin.write(json.dumps(RECORDS[1]).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == "b"
            process.stdin.write(b"{")
            process.stdin.flush()
            while unread(process.stdin.fileno()):  # from here on it waits for the rest of the line
                time.sleep(0.005)
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
            said = process.stderr.read()
        finally:
            process.kill()
    assert said.count(b"interrupted") == 1
    assert b"Traceback" not in said


def test_people_are_told_the_mean_of_what_was_scored(file: Path, run: Run) -> None:
    done = run("score", "faithfulness", "--batch", file)
    assert done.code == 0
    assert done.out.splitlines() == [
        "a  0.250",
        "b  —  abstained",
        "c  —  the passages are not known",
        "faithfulness: mean 0.250 of 1, 2 unscored",
    ]


def test_another_metric_of_the_scorer(file: Path, run: Run) -> None:
    write([{"id": "r", "answer": "x", "retrieved": ["a", "b"], "relevant": ["b"]}])
    assert run("score", "retrieval", "--batch", file, "--json", "--metric", "mrr").lines[0]["score"] == 0.5
    done = run("score", "retrieval", "--batch", file, "--metric", "mmr")
    assert done.code == 2
    assert "ndcg@10, recall@10, precision@10, mrr" in done.err


def test_a_scorer_that_asks_nobody_opens_no_judge(
    file: Path, run: Run, judge: ScriptedJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "bench", lambda file: pytest.fail("a judge was opened"))
    assert run("score", "abstention", "--batch", file, "--json").code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["faithfullness", "--batch", "records.jsonl"], "did you mean 'faithfulness'"),
        (["faithfulness", "--batch", "gone.jsonl"], "gone.jsonl: No such file"),
        (["faithfulness", "--batch", "."], "Is a directory"),
        (["faithfulness", "--batch", "records.jsonl", "--judge", "main"], "no judge 'main'"),
        (["faithfulness"], "--batch"),
    ],
)
def test_mistakes_in_the_command_end_it_with_2(file: Path, run: Run, words: list[str], says: str) -> None:
    done = run("score", *words)
    assert done.code == 2
    assert says in done.err
    assert not done.out
