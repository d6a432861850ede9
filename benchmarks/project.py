"""Applications over a corpus, made as their user would make them: a file, an ingestion, then questions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anyio

from assay.releases.ingesting import open_ingestion
from assay.releases.project import Project


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSONL file."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Objects, one a line."""
    with path.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def project(corpus: Path, work: Path, *, settings: str = "", name: str = "assay") -> Project:
    """The application ``name`` over ``corpus`` (a folder or a .jsonl); its state lies in ``work``.

    ``settings`` is TOML that follows the sources. Applications with the same ``work`` and the same
    ``[index]`` share their index.
    """
    work.mkdir(parents=True, exist_ok=True)
    path = work / f"{name}.toml"
    path.write_text(
        f'[app]\nname = "benchmark"\n\n[[sources]]\npath = {json.dumps(str(corpus.resolve()))}\n\n{settings}\n',
        encoding="utf-8",
    )
    return Project.load(path)


def ingested(found: Project) -> Project:
    """The application with its corpus ingested; what is unchanged is not read again.

    Ends the run when a document could not be read.
    """
    with open_ingestion(found) as ingestion:
        report = anyio.run(ingestion.run, None)
    if report.failed:
        raise SystemExit(f"{report.failed[0].uri}: {report.failed[0].error}")
    return found
