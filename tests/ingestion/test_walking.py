"""What is found in folders, files and JSONL, and what is said of the rest."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.ingestion.globs import Globs
from assay.ingestion.sources import Item, Record, Source, Unreadable
from assay.ingestion.walking import count, walk


def tree(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text of {name}", encoding="utf-8")
    return root


def ids(*sources: Source) -> list[str]:
    return [found.id for found in walk(sources) if isinstance(found, Item)]


def failures(*sources: Source) -> list[Unreadable]:
    return [found for found in walk(sources) if isinstance(found, Unreadable)]


def test_a_folder_in_a_fixed_order_without_hidden_and_unknown_files(tmp_path: Path) -> None:
    root = tree(
        tmp_path, "b.md", "a/z.txt", "a/y.py", ".hidden.md", ".git/x.md", "pic.png", "node_modules/m.md", "c.jsonl"
    )
    assert ids(Source("s", root)) == ["a/y.py", "a/z.txt", "b.md"]
    assert not failures(Source("s", root))
    assert count([Source("s", root)]) == 3


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (("*.md",), (), ["a/b/three.md", "a/two.md", "one.md"]),
        (("a/*.md",), (), ["a/two.md"]),
        (("a/**/*.md",), (), ["a/b/three.md", "a/two.md"]),
        (("**/*.md",), ("a/b/",), ["a/two.md", "one.md"]),
        (("**/*.md",), ("a/**",), ["one.md"]),
        (("**/*",), ("*.md",), ["a/four.txt"]),
        (("[ot]*.md",), ("two*",), ["a/b/three.md", "one.md"]),
        (("./one.md",), (), ["one.md"]),
    ],
)
def test_globs(tmp_path: Path, include: tuple[str, ...], exclude: tuple[str, ...], expected: list[str]) -> None:
    root = tree(tmp_path, "one.md", "a/two.md", "a/b/three.md", "a/four.txt")
    assert ids(Source("s", root, include=include, exclude=exclude)) == expected


@given(st.text(min_size=1, max_size=12))
def test_any_text_is_a_glob_that_compiles(pattern: str) -> None:
    assert Globs.of([pattern], [pattern]).admits(pattern) is False


def test_hidden_files_when_asked_for(tmp_path: Path) -> None:
    root = tree(tmp_path, ".github/a.md", "b.md")
    assert ids(Source("s", root, include=(".github/**",))) == [".github/a.md"]


def test_a_loop_of_links_is_named_and_not_followed(tmp_path: Path) -> None:
    root = tree(tmp_path, "sub/a.md")
    (root / "sub/up").symlink_to(root)
    (root / "x").symlink_to(root / "y.md")
    (root / "y.md").symlink_to(root / "x")
    assert ids(Source("s", root)) == ["sub/a.md"]
    errors = {Path(f.uri).name: f.error for f in failures(Source("s", root))}
    assert "loop" in errors["up"]
    assert "circle of links" in errors["y.md"]


def test_linked_folders_are_walked_once_by_their_real_path(tmp_path: Path) -> None:
    outside = tree(tmp_path / "outside", "o.md")
    root = tree(tmp_path / "docs", "real/a.md")
    (root / "again").symlink_to(root / "real")
    (root / "other").symlink_to(outside)
    (root / "other2").symlink_to(outside)
    assert ids(Source("s", root)) == ["real/a.md", "other/o.md"]
    assert not failures(Source("s", root))


def test_a_broken_link_a_missing_source_and_a_wrong_kind(tmp_path: Path) -> None:
    root = tree(tmp_path, "a.md")
    (root / "gone.md").symlink_to(root / "nothing")
    (broken,) = failures(Source("s", root))
    assert (broken.covers, broken.whole) == ("gone.md", False)
    assert "broken link" in broken.error
    (missing,) = failures(Source("s", tmp_path / "no"))
    assert "does not exist" in missing.error
    assert missing.concerns("s", "anything")
    assert not missing.concerns("t", "anything")
    (wrong,) = failures(Source("s", root / "a.md", kind="folder"))
    assert "is a file" in wrong.error


def test_no_rights_cover_what_lies_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(tmp_path, "a.md", "closed/b.md")
    scandir = os.scandir

    def refusing(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert ids(Source("s", root)) == ["a.md"]
    (closed,) = failures(Source("s", root))
    assert "permission denied" in closed.error
    assert closed.concerns("s", "closed/b.md")
    assert not closed.concerns("s", "a.md")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_rights(tmp_path: Path) -> None:
    root = tree(tmp_path, "a.md")
    (root / "a.md").chmod(0)
    (found,) = failures(Source("s", root))
    assert "permission denied" in found.error


def test_a_large_file_names_the_setting(tmp_path: Path) -> None:
    root = tree(tmp_path, "a.md")
    with (root / "big.txt").open("wb") as big:
        big.truncate(200_000_000)
    (found,) = failures(Source("docs", root))
    assert found.covers == "big.txt"
    assert "200 MB" in found.error
    assert "max_bytes" in found.error
    assert ids(Source("docs", root)) == ["a.md"]


def test_what_is_no_file_does_not_block(tmp_path: Path) -> None:
    root = tree(tmp_path, "a.md")
    os.mkfifo(root / "pipe.md")
    os.mkfifo(root / "pipe.jsonl")
    source = Source("s", root, include=("**",))
    began = time.monotonic()
    assert ids(source) == ["a.md"]
    assert count([source]) == 3
    assert ["is a pipe" in found.error for found in failures(source)] == [True, True]
    assert time.monotonic() - began < 5


def test_a_name_that_is_not_unicode(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.md")).write_text("text", encoding="utf-8")
    (found,) = failures(Source("s", tmp_path))
    assert "not valid Unicode" in found.error
    found.uri.encode()


def test_two_sources_with_one_id(tmp_path: Path) -> None:
    one, two = tree(tmp_path / "1", "a.md"), tree(tmp_path / "2", "a.md")
    sources = Source("one", one), Source("two", two)
    assert ids(*sources) == ["a.md"]
    assert "already taken" in failures(*sources)[0].error
    assert ids(Source("one", one), Source("two", two, prefix="two/")) == ["a.md", "two/a.md"]


def test_the_fingerprint_follows_bytes_and_settings(tmp_path: Path) -> None:
    root = tree(tmp_path, "a.md")

    def fingerprint(**settings: object) -> str:
        (found,) = walk([Source("s", root, **settings)])  # type: ignore[arg-type]
        assert isinstance(found, Item)
        return found.fingerprint

    first = fingerprint()
    assert fingerprint() == first
    assert fingerprint(access=("staff",)) != first
    assert fingerprint(metadata={"lang": "en"}) != first
    assert fingerprint(exclude=("b.md",)) == first
    tree(tmp_path, "a.md")
    assert fingerprint() == first
    (root / "a.md").write_text("other", encoding="utf-8")
    assert fingerprint() != first


def jsonl(tmp_path: Path, *lines: object) -> Source:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(
        b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines) + b"\n"
    )
    return Source("corpus", path)


def test_records(tmp_path: Path) -> None:
    source = jsonl(
        tmp_path,
        {"id": "a", "title": "A", "text": "one", "access": ["staff"], "metadata": {"year": 2020, "no": None}},
        b"",
        {"id": 7, "text": "two", "url": "left alone"},
    )
    first, second = [found for found in walk([source]) if isinstance(found, Item)]
    assert first.content == Record("A", "one", ("staff",), {"year": 2020})
    assert first.uri.endswith("corpus.jsonl:1")
    assert (second.id, second.content) == ("7", Record("", "two"))
    assert second.uri.endswith("corpus.jsonl:3")


@pytest.mark.parametrize(
    ("line", "reason", "covers"),
    [
        (b'{"id": "x", "text": ', "not valid JSON", "x"),
        (b'["x"]', "not an object", None),
        (b'{"text": "t"}', 'needs an "id"', None),
        (b'{"id": "x"}', 'needs a "text"', "x"),
        (b'{"id": "x", "text": 5}', 'needs a "text"', "x"),
        (b'{"id": "x", "text": "t", "access": "staff"}', "list of one or more", "x"),
        (b'{"id": "x", "text": "t", "access": []}', "list of one or more", "x"),
        (b'{"id": "x", "text": "t", "acess": ["staff"]}', "acess", "x"),
        (b'{"id": "x", "text": "t", "metadata": {"a": [1]}}', "'a'", "x"),
        (b'{"id": "x", "text": "t", "metadata": {"a": NaN}}', "not valid JSON", "x"),
        (b'{"id": "x", "text": "\xff"}', "not UTF-8", "x"),
    ],
)
def test_a_bad_line_is_named_and_the_others_go_on(tmp_path: Path, line: bytes, reason: str, covers: str | None) -> None:
    source = jsonl(tmp_path, {"id": "a", "text": "one"}, line, {"id": "b", "text": "two"})
    assert ids(source) == ["a", "b"]
    (found,) = failures(source)
    assert found.uri.endswith("corpus.jsonl:2")
    assert reason in found.error
    assert found.covers == covers


def test_a_line_over_the_limit_and_characters_no_store_takes(tmp_path: Path) -> None:
    source = jsonl(tmp_path, {"id": "big", "text": "x" * 5000}, {"id": "b", "text": "a\ud800b\0c"})
    source = Source("corpus", source.path, max_bytes=1000)
    (found,) = failures(source)
    assert "max_bytes" in found.error
    assert found.covers == "big"
    (item,) = [found for found in walk([source]) if isinstance(found, Item)]
    assert item.content == Record("", "a\ufffdb\ufffdc")
