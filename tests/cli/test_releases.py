"""``assay release``, ``assay prompt`` and ``--release``, as typed."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assay.digest import canonical, digest_bytes
from assay.releases.code import installed
from assay.testing.model_server import ModelServer
from assay.testing.replies import Say

if TYPE_CHECKING:
    from tests.cli.conftest import Run

MAIN = '[models.main]\nuses = "openai-compatible"\nbase_url = "{url}"\nmodel = "scripted"\n\n[answer]'


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def _one_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever edits a file while these tests run makes no new release in the middle of one."""
    monkeypatch.setattr("assay.releases.release.installed", cache(installed))


@pytest.fixture
def server(app: Path, run: Run) -> Iterator[ModelServer]:
    """An application that a language model answers for, ingested."""
    with ModelServer([Say("Trains are booked in second class. [1]")]).in_thread() as started:
        edit(app / "assay.toml", "\n[answer]", "\n" + MAIN.format(url=started.base_url))
        edit(app / "assay.toml", 'route = ["local"]', 'route = ["main"]')
        assert run("ingest", "-q").code == 0
        yield started


def test_a_release_is_created_once_and_says_what_differs_from_live(app: Path, run: Run) -> None:
    first = run("release", "create", "-m", "The first")
    assert first.code == 0
    digest = run("release", "show", "--json").json["digest"]
    assert f"release {digest}" in first.out
    assert "no release is live yet" in first.out
    again = run("release", "create", "-m", "Again")
    assert f"nothing has changed: {digest[:12]} was created" in again.out
    assert "The first" in again.out
    assert run("release", "create", "--json").json["new"] is False
    assert run("release", "tag", "production", digest[:8]).out == f"production is release {digest[:12]}\n"
    assert "it is what is live" in run("release", "create").out
    edit(app / "assay.toml", "# keep = 8 ", "keep = 7 ")
    edit(app / "prompts" / "answer.md", "Be brief.", "Be very brief.")
    second = run("release", "create", "-m", "Fewer\npassages")
    assert f"differs from live ({digest[:12]}) in answer.prompt.system +1 −0 words; retrieval.keep: 8 → 7" in second.out
    assert "assay eval --against live" in second.out
    made = run("release", "create", "--json").json
    assert f"assay rollout start {made['digest'][:12]}" in second.out
    assert (made["parent"], made["live"], made["why"]) == (digest, digest, "Fewer passages")
    assert [change["key"] for change in made["differs"]] == ["answer.prompt.system", "retrieval.keep"]
    listed = run("release", "list", "--json").json
    assert [(each["created"]["why"], each["environments"], each["this_file"]) for each in listed] == [
        ("Fewer passages", [], True),
        ("The first", ["production"], False),
    ]
    shown = run("release", "list").out.splitlines()
    assert [line.split()[0] for line in shown[1:]] == [made["digest"][:12], digest[:12]]
    assert shown[1].endswith("this file  Fewer passages")


def test_a_file_with_a_mistake_makes_no_release(app: Path, run: Run) -> None:
    edit(app / "prompts" / "answer.md", "{{question}}", "{{qestion}}")
    done = run("release", "create")
    assert done.code == 2
    assert "{{question}}" in done.err
    edit(app / "prompts" / "answer.md", "{{qestion}}", "{{question}}")
    edit(app / "assay.toml", "[limits]", '[models.far]\nuses = "openai:gpt-5"\n\n[limits]\ndata = "local"')
    edit(app / "assay.toml", 'route = ["local"]', 'route = ["far"]')
    refused = run("release", "create")
    assert refused.code == 2
    assert 'limits.data is "local"' in refused.err
    assert not (app / ".assay").exists()


def test_a_release_from_git_is_that_of_its_revision(app: Path, run: Run) -> None:
    git(app, "init", "-q", "-b", "main")
    git(app, "add", ".")
    git(app, "commit", "-q", "-m", "first")
    digest = run("release", "show", "--json").json["digest"]
    assert run("release", "create", "--json").json["git"] == git(app, "rev-parse", "HEAD")
    edit(app / "prompts" / "answer.md", "Be brief.", "Be terse.")
    changed = run("release", "create", "--json").json
    assert changed["git"] == git(app, "rev-parse", "HEAD") + "+changes"
    made = run("release", "create", "--from-git", "main", "--json").json
    assert (made["digest"], made["new"]) == (digest, False)
    assert "git knows no 'nowhere'" in run("release", "create", "--from-git", "nowhere").err
    edit(app / "prompts" / "answer.md", "{{context}}", "")
    git(app, "commit", "-q", "-a", "-m", "broken")
    edit(app / "prompts" / "answer.md", "\n\nQuestion", "{{context}}\n\nQuestion")
    broken = run("release", "create", "--from-git", "HEAD")
    assert broken.code == 2
    assert "git:HEAD" in broken.err
    assert "{{context}} is missing" in broken.err


def test_any_kept_release_can_be_shown_tagged_and_untagged(app: Path, run: Run) -> None:
    before = run("release", "show", "--json").json
    assert before["registered"] is None
    assert not (app / ".assay").exists(), "looking at a file writes nothing"
    assert "no release is kept yet" in run("release", "list").out
    first = run("release", "create", "-m", "The first", "--json").json["digest"]
    assert run("release", "tag", "good").code == 0
    edit(app / "assay.toml", "# keep = 8 ", "keep = 7 ")
    assert "not kept yet" in run("release", "list").err
    shown = run("release", "show", "good")
    assert "The first" in shown.out
    assert "tagged good" in shown.out
    assert "retrieval.keep = 8" in shown.out
    assert run("release", "show", first[:10], "--json").json["registered"]["tags"] == ["good"]
    assert run("release", "show", "nothing").code == 2
    assert run("release", "name", "live", first[:8]).out == f"live is release {first[:12]}\n"
    assert run("release", "show", "live", "--json").json["registered"]["environments"] == ["production"]
    second = run("release", "create", "--json").json["digest"]
    moved = run("release", "tag", "production")
    assert moved.code == 2, "users are answered by another: that takes evidence or a reason"
    assert f"assay rollout start {second[:12]}" in moved.err
    assert run("release", "tag", "production", "good").code == 0, "it does already"
    assert "cannot be deleted" in run("release", "tag", "--delete", "production").err
    assert run("release", "tag", "--delete", "good").out == f"good is gone; it was release {first[:12]}\n"
    assert run("release", "tag", "--delete", "good").code == 2
    assert run("release", "tag", "--delete", "good", first).code == 2


def test_a_diff_says_what_changed_why_it_matters_and_what_it_can_affect(run: Run, app: Path, server: object) -> None:
    assert run("release", "tag", "live").code == 0
    assert run("ask", "Which class are trains booked in?").code == 0
    assert run("ask", "Which horse won the Derby?").code == 1
    edit(app / "prompts" / "answer.md", "Be brief.", "Be terse.")
    edit(app / "assay.toml", "[evaluation.gate]", "[evaluation.gate]\nabstention = { margin = 0.02 }\n")
    done = run("release", "diff", "live")
    assert done.code == 0
    assert "Prompt\n  answer.prompt.system: +1 −1 words  (what the model is told, by the text of the file)" in done.out
    assert "Be [-brief-]{+terse+}." in done.out
    assert "…" in done.out
    assert "Alters no answer\n  evaluation.gate:" in done.out
    assert "can affect 1 of the last 2 answers of live" in done.out
    found = run("release", "diff", "live", "--json").json
    assert (found["affected"]["answers"], found["affected"]["touched"]) == (2, 1)
    assert {"deleted": "brief"} in found["changes"][0]["words"]
    edit(app / "prompts" / "answer.md", "Be terse.", "Be brief.")
    edit(app / "assay.toml", "# abstain_below = 0.5 ", "abstain_below = 0.99 ")
    assert run("release", "diff", "live", "--json").json["affected"]["touched"] == 1
    edit(app / "assay.toml", "abstain_below = 0.99", "abstain_below = 0.4501")
    assert run("release", "diff", "live", "--json").json["affected"]["touched"] == 0
    edit(app / "assay.toml", "# keep = 8 ", "keep = 7 ")
    assert "where no record can tell an answer apart" in run("release", "diff", "live").out
    assert run("release", "diff", "live", "live").out.endswith("nothing that can alter an answer differs\n")
    run("release", "create")
    backwards = run("release", "diff", run("release", "show", "--json").json["digest"], "live")
    assert "retrieval.keep: 7 → 8" in backwards.out
    assert "can affect all" in backwards.out
    assert run("release", "diff", "live", "-n", "0", "--json").json["affected"] is None
    assert "no release is kept under" in run("release", "diff", "nothing").err


def test_the_history_of_prompts(run: Run, app: Path) -> None:
    (listed,) = run("prompt", "list", "--json").json
    assert (listed["path"], listed["variables"], listed["releases"]) == (
        "prompts/answer.md",
        ["app", "context", "question"],
        0,
    )
    assert "no release is kept yet" in run("prompt", "log").out
    run("release", "create", "-m", "The first")
    edit(app / "prompts" / "answer.md", "Be brief.", "Be brief, name the document and never guess.")
    run("release", "create", "-m", "Fewer guesses")
    assert "in 1 release" in run("prompt", "list").out
    log = run("prompt", "log", "./prompts/answer.md")
    lines = log.out.splitlines()
    assert lines[0] == "prompts/answer.md"
    assert lines[1].endswith("+6 −0 words  Fewer guesses")
    assert lines[2].endswith("words  The first")
    assert run("prompt", "log", "--json").json[0]["inserted"] == 6
    assert "there are: prompts/answer.md" in run("prompt", "log", "other.md").err
    first = run("release", "list", "--json").json[1]["digest"]
    assert "Be brief{+, name the document and never guess+}." in run("prompt", "diff", first[:8]).out
    assert run("prompt", "diff", first[:8], "--json").json["user"][0].keys() == {"same"}
    assert "both tell the same" in run("prompt", "diff", first[:8], first[:9]).out


def test_a_past_release_can_be_asked_again(run: Run, app: Path, server: ModelServer) -> None:
    first = run("release", "create", "--json").json["digest"]
    edit(app / "prompts" / "answer.md", "Be brief.", "Be terse.")
    now = run("ask", "Which class are trains booked in?", "--json").json
    assert now["release"] != first
    then = run("ask", "Which class are trains booked in?", "--release", first[:8], "--json")
    assert (then.json["release"], then.err) == (first, "")
    systems = [request.body["messages"][0]["content"] for request in server.received]
    assert ["Be terse." in text for text in systems] == [True, False]
    found = run("search", "trains", "-k", 1, "--release", first[:8], "--json").json
    assert found["hits"][0]["document"] == "travel.md"
    assert "no release is kept under" in run("ask", "x", "--release", "nothing").err


def test_a_release_of_other_code_is_asked_under_this_one_and_says_so(run: Run, app: Path, server: object) -> None:
    digest = run("release", "create", "--json").json["digest"]
    with closing(sqlite3.connect(app / ".assay" / "state.db")) as state, state:
        (data,) = state.execute("SELECT data FROM blobs WHERE digest = ?", (digest,)).fetchone()
        content = json.loads(data)
        content["code"] = {"version": "0.0.9", "source": "9" * 64}
        old = canonical(content)
        state.execute("INSERT INTO blobs VALUES (?, ?)", (digest_bytes(old), old))
        state.execute("UPDATE release_files SET digest = ?", (digest_bytes(old),))
    done = run("ask", "Which class are trains booked in?", "--release", digest_bytes(old)[:8], "--json")
    assert done.json["release"] == digest
    assert done.err.count("\n") == 1
    for part in (digest_bytes(old)[:12], "0.0.9", digest[:12]):
        assert part in done.err
