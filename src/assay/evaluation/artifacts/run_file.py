"""A run as one JSON file: everything that a report says can be computed from it alone.

The file begins with a summary, so that a list of experiments reads the beginning of each file only; no number
of a report is taken from it. A name is the start's time and the beginning of the run's id.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assay.digest import Digest
from assay.errors import InputError, StoreError
from assay.evaluation.artifacts.codec import FORMAT, decode_run, dumped, encode_run, loaded
from assay.evaluation.artifacts.forms import decode, encode
from assay.evaluation.records import Run
from assay.evaluation.samples import Failed
from assay.scores import Scored

KIND = "assay-run"
SUFFIX = ".json"
_HEAD = 64 * 1024  # characters; a summary is a few hundred


@dataclass(frozen=True, slots=True)
class Mean:
    """A metric's mean over ``n`` values, None where there is none; ``unscored`` results have no value. For lists
    only: it has no interval, a report has."""

    n: int
    unscored: int
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """One line of a list of runs. ``started`` in seconds since the epoch; ``cases`` distinct ones; ``failed``
    results; ``subject`` is the identity of what was measured, a release's digest."""

    id: str
    label: str
    subject: str
    dataset: str
    dataset_digest: Digest
    started: float
    cases: int
    repeats: int
    failed: int
    cost: float | None = 0.0
    means: dict[str, Mean] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


def summary(run: Run) -> Summary:
    """The run in a line."""
    return Summary(
        run.id,
        run.label,
        run.subject,
        run.dataset,
        run.dataset_digest,
        run.started,
        len({result.case.id for result in run.results}),
        run.repeats,
        sum(isinstance(result.outcome, Failed) for result in run.results),
        (run.work.answering + run.work.scoring).cost,
        {metric.name: _mean(run, metric.name) for metric in run.metrics},
        dict(run.environment),
    )


def file_name(run: Run) -> str:
    """``20261122T151140Z-1f0c9a3be2d4.json``: names sort by time."""
    started = datetime.fromtimestamp(run.started, UTC)
    return f"{started:%Y%m%dT%H%M%SZ}-{run.id[:12]}{SUFFIX}"


def write(run: Run, folder: Path) -> Path:
    """Write the artifact into ``folder``, which is made where it is missing; whole or not at all.

    Raises StoreError.
    """
    path = folder / file_name(run)
    head = {"format": FORMAT, "kind": KIND, "summary": encode(summary(run), Summary)}
    text = dumped(head | {"artifact": encode_run(run)})
    draft = folder / f".{path.name}.{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with draft.open("w", encoding="utf-8", newline="\n") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            with suppress(FileNotFoundError):
                draft.unlink()
    except OSError as error:
        raise StoreError(f"{error.filename or path}: cannot be written: {error.strerror or error}") from error
    return path


def read(path: Path) -> Run:
    """The run of an artifact. Raises InputError with the file and the place of what is wrong."""
    try:
        value = loaded(_text(path))
        _check(value)
        return decode_run(value["artifact"])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def read_summary(path: Path) -> Summary:
    """The summary of an artifact, from the file's beginning where that suffices. Raises InputError."""
    try:
        value = _head(_text(path, _HEAD))
        if value is None:  # laid out by another hand
            value = loaded(_text(path))
        _check(value)
        found: Summary = decode(value.get("summary"), Summary)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return found


def _mean(run: Run, metric: str) -> Mean:
    scores = [result.score(metric) for result in run.results]
    values = [score.value for score in scores if isinstance(score, Scored)]
    return Mean(len(values), len(scores) - len(values), sum(values) / len(values) if values else None)


def _check(value: Any) -> None:
    if not isinstance(value, dict) or value.get("kind") != KIND:
        raise InputError("not the artifact of a run")
    if value.get("format") != FORMAT:
        newer = isinstance(value.get("format"), int) and value["format"] > FORMAT
        raise InputError(
            f"format {value.get('format')!r} is not the format {FORMAT} that is known here"
            + ("; upgrade Assay to read it" if newer else "")
        )
    if "artifact" not in value:
        raise InputError("the artifact is missing: the file is cut off")


def _head(text: str) -> dict[str, Any] | None:
    """The keys before the artifact as an object of their own; None where they do not come first."""
    before, found, _ = text.partition(',"artifact":')
    if not found:
        return None
    try:
        value = json.loads(before + ',"artifact":null}')
    except ValueError:  # that text stood inside a label, say
        return None
    return value if isinstance(value, dict) else None


def _text(path: Path, characters: int = -1) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(characters)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8: not the artifact of a run, or damaged") from error
