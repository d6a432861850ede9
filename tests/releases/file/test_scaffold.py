from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.answering.prompt import DEFAULT
from assay.errors import InputError
from assay.ingestion.sources import Item, Source
from assay.ingestion.walking import walk_source
from assay.releases.file.reading import ApplicationFile, read
from assay.releases.file.scaffold import scaffold
from assay.releases.release import Release


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "guide").mkdir(parents=True)
    (folder / "holiday.md").write_text("# Holiday\n\n## Carrying over days\n\ntext\n", encoding="utf-8")
    (folder / "guide" / "travel.md").write_text("# Travel\n\n```\n## no heading\n```\n", encoding="utf-8")
    (folder / "notes.txt").write_text("notes", encoding="utf-8")
    (folder / "photo.xyz").write_bytes(b"\0")
    (folder / ".hidden.md").write_text("# hidden", encoding="utf-8")
    return folder


def cases(app: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (app / "evals" / "example.jsonl").read_text(encoding="utf-8").splitlines()]


def items(file: ApplicationFile) -> list[str]:
    """The ids of the documents that the written sources find."""
    found = []
    for source in file.manifest.sources:
        place = Source(source.title, file.resolve(source.path), source.include, source.exclude)
        found += [item.id for item in walk_source(place) if isinstance(item, Item)]
    return sorted(found)


def test_a_folder_becomes_an_application(tmp_path: Path, docs: Path) -> None:
    app = tmp_path / "app"
    written = scaffold(app, docs, "handbook")
    assert [path.relative_to(app).as_posix() for path in written] == [
        "assay.toml",
        "prompts/answer.md",
        "evals/example.jsonl",
        ".gitignore",
    ]
    assert all(path.is_file() for path in written)
    file = read(app)
    assert file.manifest.app.name == "handbook"
    (source,) = file.manifest.sources
    assert source.path == "../docs"
    assert source.include == ("**/*.md", "**/*.txt")
    assert items(file) == ["guide/travel.md", "holiday.md", "notes.txt"]
    assert (app / ".gitignore").read_text(encoding="utf-8") == ".assay/\n"


def test_the_example_cases_are_about_the_documents(tmp_path: Path, docs: Path) -> None:
    scaffold(tmp_path / "app", docs, "x")
    holiday, travel, unanswerable = cases(tmp_path / "app")
    assert holiday["question"] == "What do the documents say about Carrying over days?"
    assert travel["question"] == "What do the documents say about Travel?"
    assert (holiday["relevant"], travel["relevant"]) == (["holiday.md"], ["guide/travel.md"])
    assert travel["answerable"] is holiday["answerable"] is True
    assert unanswerable["answerable"] is False
    assert len({str(case["id"]) for case in cases(tmp_path / "app")}) == 3


def test_every_default_in_a_comment_is_the_default(tmp_path: Path, docs: Path) -> None:
    """Removing each `# ` of a `# key = value` line gives a valid file, and but for the examples the same release."""
    app = tmp_path / "app"
    scaffold(app, docs, "x")
    path = app / "assay.toml"
    text = path.read_text(encoding="utf-8")
    before = Release.of(read(app).manifest, prompt=read(app).prompt).digest

    def uncommented(names: str) -> str:
        return re.sub(rf"^# (?=({names}) = )", "", text, flags=re.MULTILINE)

    defaults = (
        "chunker|max_tokens|overlap|embedder|store|mode|candidates|keep|dense_weight|rerank|neighbours|linked|"
        "context_tokens|unsupported|data|content|max_bytes"
    )
    path.write_text(uncommented(defaults), encoding="utf-8")
    assert path.read_text(encoding="utf-8") != text
    assert Release.of(read(app).manifest, prompt=read(app).prompt).digest == before
    everything = uncommented(r"\w+").replace("# [models.main]", "[models.main]")
    everything = everything.replace('uses = "openai:gpt-5-mini"', 'uses = "openai-compatible"')
    path.write_text(everything, encoding="utf-8")
    assert read(app).manifest.models["main"].timeout.seconds == 60


def test_the_prompt_is_the_built_in_one(tmp_path: Path, docs: Path) -> None:
    scaffold(tmp_path / "app", docs, "x")
    prompt = read(tmp_path / "app").prompt
    assert prompt.description
    assert prompt.system in DEFAULT
    assert prompt.user in DEFAULT


def test_records_become_sources_of_their_own(tmp_path: Path, docs: Path) -> None:
    (docs / "faq.jsonl").write_text('{"id": "f1", "title": "Lost badge", "text": "…"}\n', encoding="utf-8")
    (docs / "questions.jsonl").write_text('{"id": "q1", "question": "Why?"}\n', encoding="utf-8")
    (docs / "broken.jsonl").write_text("{", encoding="utf-8")
    scaffold(tmp_path / "app", docs, "x")
    file = read(tmp_path / "app")
    assert [source.path for source in file.manifest.sources] == ["../docs", "../docs/faq.jsonl"]
    assert items(file) == ["f1", "guide/travel.md", "holiday.md", "notes.txt"]


def test_a_single_file_of_records(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"id": "a", "title": "How do I log in?", "text": "x"}\n' * 2, encoding="utf-8")
    scaffold(tmp_path / "app", corpus, "x")
    assert [source.path for source in read(tmp_path / "app").manifest.sources] == ["../corpus.jsonl"]
    assert cases(tmp_path / "app")[0]["question"] == "How do I log in?"
    assert cases(tmp_path / "app")[0]["relevant"] == ["a"]


def test_a_single_document(tmp_path: Path, docs: Path) -> None:
    scaffold(tmp_path / "app", docs / "holiday.md", "x")
    assert items(read(tmp_path / "app")) == ["holiday.md"]
    assert cases(tmp_path / "app")[0]["relevant"] == ["holiday.md"]


def test_the_applications_own_files_are_no_documents(docs: Path) -> None:
    scaffold(docs, docs, "x")
    assert items(read(docs)) == ["guide/travel.md", "holiday.md", "notes.txt"]
    inside = docs / "my" / "app"
    shutil.rmtree(docs / "prompts")
    (docs / "assay.toml").unlink()
    scaffold(inside, docs, "x")
    assert "my/app/prompts/answer.md" not in items(read(inside))


def test_an_empty_folder_still_gives_a_valid_application(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    scaffold(tmp_path / "app", tmp_path / "empty", "x")
    assert read(tmp_path / "app").manifest.sources[0].include == ()
    assert len(cases(tmp_path / "app")) == 1


@pytest.mark.parametrize("name", ["assay.toml", "prompts/answer.md", "evals/example.jsonl"])
def test_nothing_is_overwritten_and_nothing_else_written(tmp_path: Path, docs: Path, name: str) -> None:
    app = tmp_path / "app"
    (app / name).parent.mkdir(parents=True)
    (app / name).write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(str(app / name))):
        scaffold(app, docs, "x")
    assert [path for path in app.rglob("*") if path.is_file()] == [app / name]
    assert (app / name).read_text(encoding="utf-8") == "mine"


def test_a_gitignore_keeps_its_lines(tmp_path: Path, docs: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.log", encoding="utf-8")
    assert scaffold(tmp_path, docs, "x")[-1].name == ".gitignore"
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == "*.log\n.assay/\n"


def test_what_cannot_be_done_is_said(tmp_path: Path, docs: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        scaffold(tmp_path / "app", tmp_path / "nowhere", "x")
    with pytest.raises(InputError, match="needs a name"):
        scaffold(tmp_path / "app", docs, " ")
    with pytest.raises(InputError, match="cannot be written"):
        scaffold(docs / "notes.txt", docs, "x")
    (tmp_path / "q.jsonl").write_text('{"question": "?"}', encoding="utf-8")
    with pytest.raises(InputError, match="holds no documents"):
        scaffold(tmp_path / "app", tmp_path / "q.jsonl", "x")
    assert not (tmp_path / "app").exists()


@settings(max_examples=25)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(str.strip))
def test_any_name_can_be_written(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "a.md").write_text("# A", encoding="utf-8")
    scaffold(folder / "app", folder / "a.md", name)
    assert read(folder / "app").manifest.app.name == name


def test_what_cannot_be_read_is_left_to_the_ingestion(tmp_path: Path, docs: Path) -> None:
    (docs / "gone.md").symlink_to("nowhere")
    (docs / "circle.md").symlink_to("circle.md")
    os.mkfifo(docs / "pipe.md")
    (docs / "deep.jsonl").write_text('{"id": 1, "text": ' + "[" * 100_000, encoding="utf-8")
    scaffold(tmp_path / "app", docs, "x")
    assert "holiday.md" in items(read(tmp_path / "app"))
