from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assay import __version__

if TYPE_CHECKING:
    from tests.cli.conftest import Run

QUESTION = "How many days of holiday does an employee have?"


def test_from_a_folder_to_a_cited_answer(app: Path, handbook: Path, run: Run) -> None:
    report = run("ingest", "--json").json
    assert {key: report[key] for key in ("documents", "embedded", "unchanged", "deleted", "failed")} == {
        "documents": 2,
        "embedded": report["chunks"],
        "unchanged": 0,
        "deleted": 0,
        "failed": [],
    }
    answer = run("ask", QUESTION, "--json").json
    assert "30 days" in answer["answer"]
    assert answer["abstained"] is None
    for citation in answer["citations"]:
        text = (handbook / citation["document"]).read_text(encoding="utf-8")
        assert text[citation["start"] : citation["end"]] == citation["quote"]
        assert citation["sentence"] in answer["answer"]
    assert answer["release"] == run("release", "show", "--json").json["digest"]
    trace = run("trace", "show", answer["trace"], "--json").json
    assert trace["trace"] == answer["trace"]
    assert run("trace", "list", "--json").lines[0]["id"] == answer["trace"]
    assert run("why", answer["trace"][:12], "--relevant", "holidays.md", "--json").json["stage"] == "none"


def test_no_answer_comes_with_a_reason_and_its_own_exit_code(app: Path, run: Run) -> None:
    run("ingest")
    done = run("ask", "What is the boiling point of tungsten?", "--json")
    assert done.code == 1
    assert done.json["abstained"]["reason"] == "not_in_corpus"
    assert "tungsten" in done.json["abstained"]["detail"]
    assert done.json["citations"] == []


def test_search_hits_are_spans_of_their_documents(app: Path, handbook: Path, run: Run) -> None:
    run("ingest")
    for mode in ("dense", "lexical", "hybrid"):
        hits = run("search", "price of a hotel", "-k", 2, "--mode", mode, "--json").json["hits"]
        assert hits[0]["document"] == "travel.md"
        for hit in hits:
            text = (handbook / hit["document"]).read_text(encoding="utf-8")
            assert text[hit["start"] : hit["end"]] == hit["text"]
            assert {"chunk", "score", "title"} <= hit.keys()


def test_a_batch_has_a_line_for_each_question(app: Path, run: Run, tmp_path: Path) -> None:
    run("ingest")
    batch = tmp_path / "questions.jsonl"
    batch.write_text(f'{{"id": "a", "question": "{QUESTION}"}}\n\n{{"question": "hotel price"}}\n', encoding="utf-8")
    found = run("search", "--batch", batch, "--json").lines
    assert [(line["id"], line["hits"][0]["document"]) for line in found] == [("a", "holidays.md"), ("3", "travel.md")]
    answers = run("ask", "--batch", batch, "--json").lines
    assert [line["id"] for line in answers] == ["a", "3"]


def test_a_question_that_fails_does_not_end_a_batch(app: Path, run: Run, tmp_path: Path) -> None:
    run("ingest")
    batch = tmp_path / "questions.jsonl"
    batch.write_text(
        f'{{"id": "long", "question": "{"why " * 6000}"}}\n{{"id": "b", "question": "{QUESTION}"}}\n', encoding="utf-8"
    )
    done = run("ask", "--batch", batch, "--json")
    assert done.code == 1
    long, answered = done.lines
    assert long["id"] == "long"
    assert long["error"]["type"] == "InputError"
    assert answered["citations"]


@pytest.mark.parametrize(
    ("line", "told"),
    [("{", "not JSON"), ('{"id": 1}', '"question"'), ('{"question": "x", "history": 3}', '"history"')],
)
def test_a_bad_line_of_a_batch_is_named(app: Path, run: Run, tmp_path: Path, line: str, told: str) -> None:
    run("ingest")
    batch = tmp_path / "questions.jsonl"
    batch.write_text(f'{{"question": "fine"}}\n{line}\n', encoding="utf-8")
    done = run("search", "--batch", batch, "--json")
    assert done.code == 2
    assert f"{batch}:2" in "".join(done.err.split("\n"))
    assert told in done.err


def test_access_groups_hide_what_is_not_for_everybody(app: Path, handbook: Path, run: Run) -> None:
    (handbook / "secret").mkdir()
    (handbook / "secret" / "pay.md").write_text("# Pay\n\nThe director earns 9000 euros a month.\n", encoding="utf-8")
    settings = app / "assay.toml"
    text = settings.read_text(encoding="utf-8").replace("# exclude", "exclude", 1).replace('"drafts/**"', '"secret/**"')
    text = text.replace('["**/*.md"]', '["**/*.md"]') + '\n[[sources]]\npath = "../handbook/secret"\naccess = ["hr"]\n'
    settings.write_text(text, encoding="utf-8")
    assert run("ingest", "--json").json["documents"] == 3
    question = "How much does the director earn?"
    assert all(hit["document"] != "pay.md" for hit in run("search", question, "--json").json["hits"])
    hidden, absent = run("ask", question, "--json").json, run("ask", "How much does the plumber earn?", "--json").json
    assert hidden["abstained"]["reason"] == absent["abstained"]["reason"]
    assert "9000" in run("ask", question, "--as", "hr", "--json").json["answer"]


def test_a_failing_file_stays_visible_until_it_is_mended(app: Path, handbook: Path, run: Run) -> None:
    bad = handbook / "bad.md"
    bad.write_bytes(b"\x00\x01\x02\x03binary")
    done = run("ingest", "--json")
    assert (done.code, done.json["documents"]) == (1, 2)
    (failure,) = done.json["failed"]
    assert failure["uri"].endswith("bad.md")
    assert "bad.md" in run("status").out
    bad.write_text("# Mended\n\nIt can be read now.\n", encoding="utf-8")
    assert run("ingest", "--json").json["failed"] == []
    assert "bad.md" not in run("status").out


def test_an_interrupted_ingestion_says_that_it_can_go_on(app: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("assay.releases.ingesting.Ingestion.run", interrupted)
        done = run("ingest")
    assert done.code == 130
    assert "what was done is kept" in done.err
    assert run("ingest").code == 0


def test_verify_names_what_is_wrong_and_repair_mends_it(app: Path, handbook: Path, run: Run) -> None:
    run("ingest")
    assert run("index", "verify").code == 0
    (handbook / "travel.md").unlink()
    done = run("index", "verify", "--json")
    assert done.code == 1
    assert [f["name"] for f in done.json["findings"]] == ["travel.md"]
    assert run("index", "verify", "--repair").code == 0
    assert run("index", "verify").code == 0


def test_a_new_chunker_builds_a_new_index_and_the_old_one_can_go(app: Path, run: Run) -> None:
    run("ingest")
    settings = app / "assay.toml"
    changed = settings.read_text(encoding="utf-8").replace('# chunker = "structure"', 'chunker = "sentences"')
    settings.write_text(changed, encoding="utf-8")
    before = run("ask", QUESTION)
    assert before.code == 0
    assert "run `assay ingest`" in before.err
    assert run("ingest").code == 0
    assert run("ask", QUESTION).err == ""
    old, new = run("index", "list", "--json").json
    assert (old["active"], new["active"]) == (False, True)
    assert run("index", "drop", new["id"]).code == 2
    assert run("index", "drop", old["id"]).code == 0
    assert len(run("index", "list", "--json").json) == 1


def test_calibration_writes_one_line_into_the_file(app: Path, run: Run, tmp_path: Path) -> None:
    run("ingest")
    cases = tmp_path / "cases.jsonl"
    asked = [(QUESTION, True), ("What may a hotel cost?", True), ("Who won the cup?", False), ("Is it raining?", False)]
    cases.write_text(
        "\n".join(
            f'{{"id": "{n}", "question": "{q}", "answerable": {str(a).lower()}}}' for n, (q, a) in enumerate(asked)
        ),
        encoding="utf-8",
    )
    before = (app / "assay.toml").read_text(encoding="utf-8")
    dry = run("calibrate", "abstention", "--dataset", cases, "--max-error", "0.9", "--dry-run", "--json")
    assert dry.json["auroc"]["value"] == 1.0
    assert (app / "assay.toml").read_text(encoding="utf-8") == before
    assert run("calibrate", "abstention", "--dataset", cases, "--max-error", "0.9").code == 0
    after = (app / "assay.toml").read_text(encoding="utf-8")
    new = [line for line in after.splitlines() if line not in before.splitlines()]
    assert [line.partition(" =")[0] for line in new] == ["abstain_below"]
    assert run("release", "show", "--json").json["manifest"]["answer"]["abstain_below"] is not None


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["ask", "x"], "assay init"),
        (["ask"], "QUESTION"),
        (["search", "x", "--batch", "f"], "QUESTION or --batch"),
        (["trace", "show", "beef"], "assay init"),
        (["nonsense"], "nonsense"),
    ],
)
def test_mistakes_end_with_a_sentence_and_two(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*command)
    assert done.code == 2
    assert told in done.err


def test_asking_before_ingesting_says_what_to_do(app: Path, run: Run) -> None:
    done = run("ask", "anything")
    assert done.code == 2
    assert "assay ingest" in done.err


def test_an_index_whose_files_are_gone_is_not_asked_but_filled_again(app: Path, run: Run) -> None:
    run("ingest")
    shutil.rmtree(app / ".assay" / "indexes")
    done = run("ask", QUESTION)
    assert done.code == 2
    assert "assay ingest" in done.err
    assert run("ingest", "--json").json["embedded"] == 0
    assert run("ask", QUESTION).code == 0


def test_a_mistake_in_the_file_is_named_with_its_line(app: Path, run: Run) -> None:
    settings = app / "assay.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + "\n[retreival]\nkeep = 3\n", encoding="utf-8")
    done = run("status")
    assert done.code == 2
    assert "retrieval" in done.err
    number = settings.read_text(encoding="utf-8").splitlines().index("[retreival]") + 1
    assert f"assay.toml:{number}" in done.err


def test_the_version_and_help_need_nothing(run: Run) -> None:
    assert run("--version").out.strip() == __version__
    assert "ingest" in run("--help").out


def shell(app: Path, command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    assay = f"{sys.executable} -c 'from assay.cli.app import main; main()'"
    environment = {**os.environ, **settings}
    line = ["bash", "-c", f'assay() {{ {assay} "$@"; }}; {command}']
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=60, cwd=app, env=environment)


def test_a_chat_understands_earlier_turns_and_ends_at_once_when_interrupted(app: Path, run: Run) -> None:
    assert run("ingest").code == 0
    code = "from assay.cli.app import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "chat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=app,
        # Whoever started the tests in the background may have had the signal ignored, which is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    ) as chat:
        assert chat.stdin is not None
        assert chat.stdout is not None
        chat.stdin.write(f"{QUESTION}\nMay they be carried over?\n".encode())
        chat.stdin.flush()
        said = b""
        while said.count("› ".encode()) < 3:
            piece = os.read(chat.stdout.fileno(), 4096)
            assert piece, said
            said += piece
        chat.send_signal(signal.SIGINT)
        assert chat.wait(10) == 130
    assert "30 days" in said.decode()
    assert "carried over until the end of March" in said.decode()


def test_output_that_nobody_takes(app: Path) -> None:
    """A reader that goes away, and a disk that is full."""
    closed = shell(app, "assay release show | true; exit ${PIPESTATUS[0]}")
    assert (closed.returncode, closed.stderr) == (141, "")
    if Path("/dev/full").exists():
        full = shell(app, "assay status --json > /dev/full")
        assert full.returncode == 2
        assert "No space left" in full.stderr


def test_a_terminal_without_unicode_and_names_that_give_orders(app: Path, handbook: Path, run: Run) -> None:
    (handbook / "z\x1b[31m.md").write_text("# Zürich\n\nThe tuba \x1b[31m is in Zürich.\n", encoding="utf-8")
    assert run("ingest").code == 0
    shown = run("search", "tuba", "-k", 1).out
    assert "tuba" in shown
    assert "\x1b" not in shown
    done = shell(app, "assay search tuba -k 1; assay search tuba -k 1 --json", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Zürich" in json.loads(done.stdout.splitlines()[-1])["hits"][0]["text"]


def test_help_imports_nothing_heavy() -> None:
    heavy = ["numpy", "sqlalchemy", "onnxruntime", "pydantic", "fastapi", "kreuzberg", "tantivy", "openai"]
    code = (
        "import sys; sys.argv = ['assay', '--help']\n"
        "from assay.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr.strip() == "[]"


def test_a_cold_question_does_not_import_the_database_library(app: Path, run: Run) -> None:
    run("ingest")
    code = (
        "import sys\nfrom assay.releases.build import open_application\nfrom assay.releases.project import Project\n"
        "open_application(Project.load(None))\nprint('sqlalchemy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, cwd=app)
    assert done.stdout.strip() == "False"


def test_an_evaluation_without_a_language_model_imports_none(app: Path, run: Run) -> None:
    """The extractive writer and the offline judge: a model's SDK would take longer than the evaluation."""
    run("ingest")
    (app / "evals" / "one.jsonl").write_text('{"id": "a", "question": "How many days of holiday?"}\n', encoding="utf-8")
    heavy = ["pydantic_ai", "openai", "genai_prices", "fastapi", "kreuzberg", "lancedb"]
    code = (
        "import sys; sys.argv = ['assay', 'eval', '--dataset', 'evals/one.jsonl', '--judge', 'offline', '--json']\n"
        "from assay.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    code = ended.code\n"
        f"print([name for name in {heavy} if name in sys.modules], code, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, cwd=app)
    assert done.stderr.splitlines()[-1] == "[] 0"
    assert '"faithfulness"' in done.stdout
    assert json.loads(done.stdout)["run"]
