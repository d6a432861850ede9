"""Who made which release, when and why; tags; releases under other code."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.digest import canonical
from assay.errors import InputError, NotFound
from assay.releases.history.prompts import listed, log
from assay.releases.history.reference import project_of, refer
from assay.releases.history.registry import STREAM, Registry, under_present_code
from assay.releases.history.validating import validated
from assay.releases.parts import database
from assay.releases.project import Project
from assay.releases.release import Release
from assay.releases.store import ReleaseStore
from assay.stores.blobs import BlobStore
from assay.stores.database import Database
from assay.stores.events import EventLog

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


@pytest.fixture
def registry(state: Database) -> Registry:
    return Registry(state)


def edited(project: Project, prompt: str = PROMPT, file: str = FILE) -> Project:
    (project.file.directory / "answer.md").write_text(prompt)
    project.file.path.write_text(file)
    return Project.load(project.file.path)


def create(registry: Registry, project: Project, why: str = "") -> Any:
    return registry.create(project, why=why, by="ada", git=None)


def test_creating_writes_down_who_when_why_and_after_what(project: Project, registry: Registry) -> None:
    first, new = create(registry, project, "the first")
    assert (new, first.by, first.why, first.parent) == (True, "ada", "the first", None)
    second, _ = create(registry, edited(project, PROMPT.replace("Answer", "Guess")))
    assert second.parent == first.release, "nothing is live: the one before"
    registry.tag("production", first.release, by="ada")
    third, _ = create(registry, edited(project, PROMPT.replace("Answer", "Reply")))
    assert third.parent == first.release, "what is live"
    assert [entry.digest for entry in registry.entries()] == [third.release, second.release, first.release]
    assert registry.entries()[-1].environments == ("production",)


def test_creating_again_changes_nothing(project: Project, registry: Registry, state: Database) -> None:
    first, _ = create(registry, project, "the first")
    again, new = create(registry, project, "another reason")
    assert (again, new) == (first, False)
    assert EventLog(state).version(STREAM) == 1


def test_many_who_create_at_once_write_each_release_once(project: Project, registry: Registry, state: Database) -> None:
    projects = [edited(project, PROMPT.replace("Answer", f"Answer {n}")) for n in range(3)]
    threads = [
        threading.Thread(target=lambda each=each: create(Registry(state), each)) for each in (*projects, *projects)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(registry.created()) == 3
    assert EventLog(state).version(STREAM) == 3


def test_a_release_that_only_answered_is_listed_without_a_reason(project: Project, registry: Registry) -> None:
    registry.keep(project)
    (entry,) = registry.entries()
    assert (entry.created, entry.why, entry.at) == (None, "", entry.kept)
    create(registry, project, "now on purpose")
    assert [each.why for each in registry.entries()] == ["now on purpose"]


def test_tags_move_and_go_and_each_move_is_an_event(project: Project, registry: Registry, state: Database) -> None:
    first = registry.keep(project)
    second = registry.keep(edited(project, PROMPT.replace("Answer", "Guess")))
    assert registry.tag("good", first, by="ada") is None
    assert registry.tag("good", first, by="ada") is not None
    moved = registry.tag("good", second, by="bob")
    assert moved is not None
    assert moved.digest == first
    assert registry.untag("good", by="ada") == second
    events = [recorded.event for recorded in EventLog(state).read(STREAM)]
    assert [(event["kind"], event["by"], event["before"]) for event in events] == [
        ("tagged", "ada", None),
        ("tagged", "bob", first),
        ("untagged", "ada", second),
    ]
    with pytest.raises(NotFound, match="good"):
        registry.untag("good", by="ada")
    for environment in ("production", "live"):
        with pytest.raises(InputError, match="environment"):
            registry.untag(environment, by="ada")


def test_a_release_by_its_files_alone_is_told_under_the_present_code(project: Project, registry: Registry) -> None:
    digest = registry.snapshots.keep(project)  # as earlier versions did, without the bytes
    assert registry.release(digest, project) == project.release


def test_a_release_of_other_code_is_built_from_its_files_and_said_to_be(
    project: Project, registry: Registry, state: Database
) -> None:
    digest, _ = as_by_other_code(project, state)
    found = refer(registry, project, digest[:8])
    assert (found.digest, found.release.content()["code"]["version"]) == (digest, "0.0.9")
    built, said = project_of(project, digest[:8])
    assert built.release == project.release
    assert said is not None
    assert digest[:12] in said
    assert "0.0.9" in said
    assert project.release.short in said
    assert "otherwise" not in said
    assert under_present_code(project.release, project) is None


def test_a_default_that_has_changed_since_is_named(project: Project, registry: Registry, state: Database) -> None:
    digest, _ = as_by_other_code(project, state, keep=9)
    said = project_of(project, digest)[1]
    assert said is not None
    assert "retrieval.keep now is otherwise" in said


def as_by_other_code(project: Project, state: Database, **retrieval: Any) -> tuple[str, Release]:
    """The project's files, kept as if another version of Assay had read them."""
    content = project.release.content()
    content["code"] = {"version": "0.0.9", "source": "9" * 64}
    content["retrieval"] |= retrieval
    release = Release.from_bytes(canonical(content))
    ReleaseStore(BlobStore(state)).keep(release)
    other = Project(project.file)
    other.__dict__["release"] = release
    return Registry(state).snapshots.keep(other), release


def test_files_that_can_no_longer_be_read_can_be_shown_but_not_built(
    project: Project, registry: Registry, state: Database
) -> None:
    digest = registry.keep(project)
    with state.write() as connection:
        connection.exec_driver_sql("UPDATE release_files SET text = '[app]\nname = \"x\"\n[gone]\nkey = 1\n'")
    assert refer(registry, project, digest).release == project.release
    with pytest.raises(InputError, match=r"only shown.*gone"):
        project_of(project, digest)


def test_what_a_release_can_be_called(project: Project, registry: Registry) -> None:
    assert str(refer(registry, project)).startswith("this file (")
    assert refer(registry, project, project.release.digest[:6]).name == "this file", "before it is kept"
    digest = registry.keep(project)
    registry.tag("good", digest, by="ada")
    assert str(refer(registry, project, "good")) == f"good ({digest[:12]})"
    assert str(refer(registry, project, digest[:6])) == digest[:12]
    assert refer(registry, project, str(project.file.path)).release == project.release
    for name in ("nothing", "git:main", "elsewhere/assay.toml"):
        with pytest.raises(Exception, match=r"nothing|git|no such file"):
            refer(registry, project, name)


def test_the_history_of_a_prompt_is_told_by_its_changes(project: Project, registry: Registry) -> None:
    create(registry, project, "first")
    create(registry, edited(project, file=FILE + "[retrieval]\nkeep = 6\n"), "fewer")
    create(registry, edited(project, PROMPT.replace("the passages", "the numbered passages alone")), "stricter")
    create(
        registry,
        edited(
            project,
            PROMPT.replace("passages", "texts"),
            FILE.replace("[[sources]]\npath", '[[sources]]\nname = "d"\npath'),
        ),
        "back",
    )
    create(registry, edited(project, file=FILE.replace('prompt = "answer.md"\n', "")), "built in")
    now = edited(project)
    found = log(registry, now)
    assert [(each.prompt.path, each.entry.why, each.inserted, each.deleted, each.releases) for each in found[1:]] == [
        ("answer.md", "back", 1, 3, 1),
        ("answer.md", "stricter", 2, 0, 1),
        ("answer.md", "first", 7, 0, 2),
    ]
    assert (found[0].prompt.path, found[0].first) == ("(built in)", True)
    assert log(registry, now, "answer.md") == found[1:]
    (prompt,) = listed(registry, now)
    assert (prompt.variables, prompt.releases) == (("context", "question"), 2)
    assert 5 < prompt.tokens < 40


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[retrieval]\nrerank = "late-interacton"\n', r"assay.toml:\d+: .*late-interaction"),
        ('[evaluation]\nscorers = ["faithfulnes"]\n', r"assay.toml:\d+: .*faithfulness"),
        ('[models.main]\nuses = "opnai:x"\n', r"assay.toml:\d+: models.main.uses .*opnai"),
        ('[models.main]\nuses = "openai:gpt-5"\ntokenizer = "t.json"\n', r"assay.toml:\d+: .*t.json"),
    ],
)
def test_what_this_installation_lacks_is_found_before_a_release_answers(project: Project, text: str, told: str) -> None:
    route = FILE.replace('prompt = "answer.md"', 'prompt = "answer.md"\nroute = ["main"]') if "main" in text else FILE
    with pytest.raises(Exception, match=told):
        validated(edited(project, file=f"{route}\n{text}"))


def test_what_is_only_missing_here_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    file = FILE.replace('"docs"', '"gone"').replace('answer.md"', 'answer.md"\nroute = ["main"]')
    model = '[models.main]\nuses = "openai-compatible"\nbase_url = "http://localhost:1/v1"\nmodel = "m"\n'
    said = validated(edited(project, file=f'{file}\n{model}api_key_env = "NO_SUCH_KEY"\n'))
    assert any("gone" in each for each in said)
    assert any("NO_SUCH_KEY" in each for each in said)
    assert validated(edited(project)) == ()
