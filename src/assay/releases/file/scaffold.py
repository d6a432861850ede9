"""``assay init``: the files of a new application, made for the documents that it is to answer from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from assay.answering.prompt import DEFAULT
from assay.errors import InputError
from assay.evaluation.datasets.case_lines import line_of, read_case
from assay.releases.file.reading import FILE_NAME
from assay.releases.file.template import NewSource, application
from assay.releases.measuring.surveying import Survey, Topic, survey

PROMPT = "prompts/answer.md"
DATASET = "evals/example.jsonl"
_STATE = ".assay/"
_MANY_KINDS = 12


def scaffold(directory: Path, source: Path, name: str) -> list[Path]:
    """Write an application into ``directory`` that answers from ``source``: a folder or a file.

    Returns what was written. Writes nothing and raises InputError where a file is in the way,
    ``source`` cannot be read or ``directory`` cannot be written. A ``.gitignore`` that is there
    keeps its lines and gains one.
    """
    if not name.strip():
        raise InputError("the application needs a name: give one with --name")
    found = survey(source)
    files = {
        FILE_NAME: application(name, _sources(directory, source, found), prompt=PROMPT, datasets="evals/*.jsonl"),
        PROMPT: f'+++\ndescription = "Answers from the passages alone, with citations."\n+++\n{DEFAULT}',
        DATASET: "".join(f"{line_of(read_case(case, DATASET))}\n" for case in _cases(found.topics)),
    }
    for file in files:
        if (directory / file).exists():
            raise InputError(f"{directory / file} exists already; remove it, or name another directory")
    try:
        written = [_write(directory / file, text) for file, text in files.items()]
        return written + _ignore_state(directory / ".gitignore")
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{directory} cannot be written: {reason}") from error


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
    return path


def _ignore_state(path: Path) -> list[Path]:
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    if _STATE in old.splitlines():
        return []
    gap = "" if not old or old.endswith("\n") else "\n"
    path.write_text(f"{old}{gap}{_STATE}\n", encoding="utf-8", newline="\n")
    return [path]


def _sources(directory: Path, source: Path, found: Survey) -> list[NewSource]:
    path = _relative(source, directory)
    sources = [] if found.records and not found.suffixes else [NewSource(path, *_globs(directory, source, found))]
    return sources + [
        NewSource(path if record == "." else (PurePosixPath(path) / record).as_posix()) for record in found.records
    ]


def _globs(directory: Path, source: Path, found: Survey) -> tuple[Sequence[str], Sequence[str]]:
    """What to include, and what not: the application's own files where they lie among the documents."""
    if not source.is_dir():
        return (), ()
    kinds = [f"**/*{suffix}" for suffix in found.suffixes]
    inside = _relative(directory, source)
    own = () if inside.startswith("..") or PurePosixPath(inside).is_absolute() else _own_files(inside)
    return (kinds if len(kinds) <= _MANY_KINDS else ()), own


def _own_files(inside: str) -> Sequence[str]:
    base = "" if inside == "." else f"{inside}/"
    return [f"{base}{FILE_NAME}", f"{base}{PROMPT}", f"{base}{DATASET}"]


def _relative(path: Path, base: Path) -> str:
    """With forward slashes; absolute where no relative path exists, as between two drives."""
    try:
        return Path(os.path.relpath(path.resolve(), base.resolve())).as_posix()
    except ValueError:
        return path.resolve().as_posix()


def _cases(topics: Sequence[Topic]) -> list[dict[str, object]]:
    """Two questions about what the documents have headings for, and one that they cannot answer."""
    chosen = _two(topics)
    cases: list[dict[str, object]] = [
        {
            "id": f"example-{number}",
            "question": topic.label if topic.label.endswith("?") else f"What do the documents say about {topic.label}?",
            "relevant": [topic.document],
            "answerable": True,
            "provenance": {"source": "scaffold"},
        }
        for number, topic in enumerate(chosen, 1)
    ]
    cases.append(
        {
            "id": f"example-{len(chosen) + 1}",
            "question": "Which horse won the 1911 Grand National, and at what odds?",
            "answerable": False,
            "provenance": {"source": "scaffold"},
        }
    )
    return cases


def _two(topics: Sequence[Topic]) -> list[Topic]:
    """The first two different topics; headings before mere names."""
    labels: dict[str, Topic] = {}
    for topic in sorted(topics, key=lambda topic: topic.is_name):
        labels.setdefault(topic.label.casefold(), topic)
    return list(labels.values())[:2]
