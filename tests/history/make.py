"""Makes a generation of kept state: what an application of *today* leaves behind, for the tests of later versions.

    python tests/history/make.py tests/history/state-2

A generation is made once and never again: what it holds is what that version really wrote. When the form of anything
that is kept changes, make the next one and leave those before as they are; ``test_history.py`` reads them all.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

DOCUMENTS = {
    "holidays.md": "# Holidays\n\nEvery employee has 30 days of paid holiday a year.\n",
    "travel.md": "# Travel\n\nTrains are booked in second class.\n\nA hotel may cost up to 140 euros a night.\n",
}
CASES: list[dict[str, Any]] = [
    {"id": "days", "question": "How many days of paid holiday are there?", "expected": "30 days"},
    {"id": "class", "question": "Which class are trains booked in?", "expected": "second class"},
    {"id": "horse", "question": "Which horse won the Derby?", "answerable": False},
]
FILE = """\
[app]
name = "history"

[[sources]]
path = "../documents"
include = ["**/*.md"]

[answer]
prompt = "prompts/answer.md"
abstain_below = 0.4

[evaluation]
datasets = ["evals/cases.jsonl"]
scorers = ["faithfulness", "correctness", "abstention"]
"""
LARGEST = 200_000
"""Bytes that a generation may take."""


def assay(*arguments: str) -> None:
    from assay.cli.app import cli

    try:
        cli(list(arguments), standalone_mode=False)
    except SystemExit as ended:
        if ended.code not in (None, 0, 1):
            raise


def live(app: Path) -> None:
    """An application's life: two releases, one of them live, answers, an evaluation against it, labels."""
    assay("ingest", "--quiet")
    assay("release", "create", "-m", "The first")
    assay("release", "tag", "production")
    for case in CASES:
        assay("ask", case["question"])
    prompt = app / "prompts" / "answer.md"
    prompt.write_text(prompt.read_text("utf-8").replace("Be brief.", "Be brief, and never guess."), "utf-8")
    file = app / "assay.toml"
    file.write_text(file.read_text("utf-8") + "\n[retrieval]\nkeep = 6\n", "utf-8")
    assay("release", "create", "-m", "Fewer passages, fewer guesses")
    assay("release", "tag", "careful")
    assay("ask", CASES[0]["question"])
    assay("eval", "--against", "live", "--quiet")
    label(app)


def label(app: Path) -> None:
    """Two people's labels of the run's answers."""
    from assay.evaluation.artifacts.run_file import read
    from assay.evaluation.labelling.book import LabelBook
    from assay.evaluation.labelling.queue import Plan
    from assay.releases.parts import database
    from assay.releases.project import Project
    from assay.stores.labels import LabelStore

    run = read(sorted((app / ".assay" / "runs").glob("*.json"))[0])
    with closing(database(Project.load(app / "assay.toml"))) as opened:
        for rater in ("ada", "bob"):
            book = LabelBook(LabelStore(opened), run, "faithfulness", rater)
            for shown in book.queue(Plan(second=1.0)):
                book.keep(shown, 1.0)


def dump(app: Path, to: Path) -> None:
    """Write what is kept of an application, the database as SQL."""
    for name in ("assay.toml", "prompts", "evals"):
        copy = shutil.copytree if (app / name).is_dir() else shutil.copy
        copy(app / name, to / "app" / name)
    for name in ("runs", "comparisons"):
        shutil.copytree(app / ".assay" / name, to / name)
    with closing(sqlite3.connect(app / ".assay" / "state.db")) as state:
        (to / "state.sql").write_text("\n".join(state.iterdump()) + "\n", "utf-8")


def main(to: Path) -> None:
    if to.exists():
        sys.exit(f"{to} is there: a generation is made once; name the next")
    from assay.answering.prompt import DEFAULT

    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        app = place / "app"
        for path, text in {
            **{place / "documents" / name: text for name, text in DOCUMENTS.items()},
            app / "assay.toml": FILE,
            app / "prompts" / "answer.md": DEFAULT,
            app / "evals" / "cases.jsonl": "".join(json.dumps(case) + "\n" for case in CASES),
        }.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        os.chdir(app)
        try:
            # Who and where it was made is of no interest to anybody.
            with patch.dict(os.environ, LOGNAME="ada"), patch.object(platform, "platform", lambda **_: "somewhere"):
                live(app)
        finally:
            os.chdir(here)
        (to / "app").mkdir(parents=True)
        shutil.copytree(place / "documents", to / "documents")
        dump(app, to)
        said = (to / "state.sql").read_text("utf-8")
        assert folder not in said, "the state names a place of this machine"
    size = sum(path.stat().st_size for path in to.rglob("*") if path.is_file())
    assert size < LARGEST, f"{size} bytes"
    sys.stdout.write(f"{to}: {size} bytes\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
