"""An application over a corpus, built as its user would build it: an assay.toml and an ingestion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
from assay.releases.build import open_application, open_ingestion
from assay.releases.project import Project

from assay.releases.application import Application


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file."""
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def ingested(corpus: Path, work: Path, *, settings: str = "") -> Project:
    """A project over ``corpus`` (a folder or a .jsonl), ingested; what is unchanged is not read again.

    ``settings`` is TOML that follows the sources.
    """
    work.mkdir(parents=True, exist_ok=True)
    path = work / "assay.toml"
    path.write_text(
        f'[app]\nname = "benchmark"\n\n[[sources]]\npath = {json.dumps(str(corpus.resolve()))}\n\n{settings}\n',
        encoding="utf-8",
    )
    project = Project.load(path)
    with open_ingestion(project) as ingestion:
        report = anyio.run(ingestion.run, None)
    if report.failed:
        raise SystemExit(f"{corpus}: {report.failed[0].uri}: {report.failed[0].error}")
    return project


def application(project: Project) -> Application:
    """The project's application, opened."""
    return open_application(project)
