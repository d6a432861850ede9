"""Releases that can be built again: from kept files, by name, and from git."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from assay.errors import ConfigError, InputError, NotFound
from assay.releases.history.environments import NAMES, PRODUCTION, SCHEMA, STAGING, point
from assay.releases.history.snapshots import LIVE, Snapshots, at_revision, commit, keep
from assay.releases.parts import database
from assay.releases.project import Project
from assay.releases.store import ReleaseStore
from assay.stores.blobs import BlobStore
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
    assert [(each.digest, each.names) for each in snapshots.list()] == [(other, (PRODUCTION,)), (kept, ())]


def test_live_is_what_production_points_at(project: Project, state: Database) -> None:
    snapshots = Snapshots(state)
    first, second = snapshots.keep(project), snapshots.keep(edited(project, PROMPT.replace("Answer", "Guess")))
    with state.write() as connection:
        point(connection, PRODUCTION, first, at=7.0)
        point(connection, STAGING, second)
    assert (snapshots.find(LIVE), snapshots.find(STAGING)) == (first, second)
    pointed = snapshots.environments()
    assert (pointed[PRODUCTION].digest, pointed[PRODUCTION].since) == (first, 7.0)
    with state.write() as connection:
        point(connection, LIVE, first)
    assert snapshots.environments()[PRODUCTION].since == 7.0, "it points there since then"
    with pytest.raises(ZeroDivisionError), state.write() as connection:  # noqa: PT012
        point(connection, PRODUCTION, second)
        raise ZeroDivisionError
    assert snapshots.find(LIVE) == first, "the pointer goes with the transaction"


@pytest.mark.parametrize("both", [False, True])
def test_a_state_from_before_environments_is_taken_over_silently(project: Project, state: Database, both: bool) -> None:
    state.ensure(SCHEMA)
    with state.write() as connection:
        connection.execute(insert(NAMES), [{"name": "live", "digest": "a" * 64, "since": 5.0}])
        if both:
            connection.execute(insert(NAMES), [{"name": "production", "digest": "b" * 64, "since": 6.0}])
    snapshots = Snapshots(state)
    assert snapshots.find(LIVE) == ("b" if both else "a") * 64
    assert list(snapshots.names()) == [PRODUCTION]


def test_an_environment_that_points_nowhere_says_how_it_can(project: Project, state: Database) -> None:
    for name in (LIVE, PRODUCTION):
        with pytest.raises(NotFound, match="no release is live yet"):
            Snapshots(state).find(name)
    with pytest.raises(NotFound, match="nothing is live in staging yet"):
        Snapshots(state).find(STAGING)


@pytest.mark.parametrize("name", ["", "1st", "a/b", "x.toml", "git:x", "deadbeef", "FACE", "ü"])
def test_what_cannot_name_a_release(project: Project, state: Database, name: str) -> None:
    with pytest.raises(InputError, match="cannot name a release"):
        Snapshots(state).name(name, "a" * 64)


def test_keeping_for_the_server_keeps_bytes_and_files(project: Project, state: Database) -> None:
    keep(project, name=LIVE)
    assert Snapshots(state).find(LIVE) == project.release.digest
    assert ReleaseStore(BlobStore(state)).get(project.release.digest) == project.release


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
    assert len(commit(now, "main")) == 40
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
