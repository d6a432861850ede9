"""Releases that can be built again: from kept files, by name, and from git."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.errors import ConfigError, InputError, NotFound
from assay.releases.parts import database
from assay.releases.project import Project
from assay.releases.snapshots import LIVE, Snapshots, at_revision
from assay.stores.database import Database

FILE = '[app]\nname = "handbook"\n\n[[sources]]\npath = "docs"\n\n[answer]\nprompt = "answer.md"\n'
PROMPT = "Answer from the passages.\n---user---\n{{context}}\n\n{{question}}\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "docs").mkdir()
    (tmp_path / "assay.toml").write_text(FILE)
    (tmp_path / "answer.md").write_text(PROMPT)
    return Project.load(tmp_path / "assay.toml")


@pytest.fixture
def state(project: Project) -> Iterator[Database]:
    opened = database(project)
    yield opened
    opened.close()


def edited(project: Project, prompt: str) -> Project:
    (project.file.directory / "answer.md").write_text(prompt)
    return Project.load(project.file.path)


def test_a_kept_release_is_built_again_after_its_prompt_was_edited(project: Project, state: Database) -> None:
    snapshots = Snapshots(state)
    kept = snapshots.keep(project)
    now = edited(project, PROMPT.replace("Answer", "Guess"))
    assert now.release.digest != kept
    again = snapshots.load(kept, now)
    assert again.release.digest == kept
    assert again.file.prompt.system == "Answer from the passages."
    assert again.state == now.state


def test_a_release_is_found_by_the_beginning_of_its_digest_and_by_name(project: Project, state: Database) -> None:
    snapshots = Snapshots(state)
    kept = snapshots.keep(project)
    assert snapshots.find(kept[:8]) == kept
    with pytest.raises(NotFound, match="assay serve"):
        snapshots.find(LIVE)
    snapshots.name(LIVE, kept)
    assert snapshots.find(LIVE) == kept
    other = snapshots.keep(edited(project, PROMPT.replace("Answer", "Guess")))
    snapshots.name(LIVE, other)
    assert snapshots.find(LIVE) == other
    assert [(each.digest, each.names) for each in snapshots.list()] == [(other, (LIVE,)), (kept, ())]


@pytest.mark.parametrize("name", ["", "zz", "0" * 64, "%"])
def test_what_is_not_kept_is_said_so(project: Project, state: Database, name: str) -> None:
    with pytest.raises(NotFound):
        Snapshots(state).find(name)


def test_keeping_twice_changes_nothing(project: Project, state: Database) -> None:
    snapshots = Snapshots(state)
    assert snapshots.keep(project) == snapshots.keep(project)
    assert len(snapshots.list()) == 1


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_a_revision_of_git_gives_the_files_as_they_were(project: Project) -> None:
    folder = project.file.directory
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    now = edited(project, PROMPT.replace("Answer", "Guess"))
    assert at_revision(now, "main").release.digest == project.release.digest != now.release.digest
    with pytest.raises(InputError, match="nowhere"):
        at_revision(now, "nowhere")


def test_a_revision_without_the_prompt_names_it(project: Project) -> None:
    folder = project.file.directory
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "assay.toml")
    git(folder, "commit", "-q", "-m", "first")
    with pytest.raises((InputError, ConfigError), match=r"answer\.md"):
        at_revision(project, "main")


def test_no_repository_is_said_so(project: Project) -> None:
    with pytest.raises(InputError, match="git"):
        at_revision(project, "main")
