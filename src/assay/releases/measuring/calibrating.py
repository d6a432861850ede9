"""Fitting the abstention threshold on the owner's cases, and writing it into the application's file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from assay.answering.calibration import Calibration, ErrorTarget, ScoredCase, calibrate
from assay.answering.events import Answer, Failed, Question
from assay.documents import PUBLIC
from assay.errors import InputError
from assay.evaluation.cases import Case
from assay.evaluation.datasets.files import read_cases
from assay.releases.application import Application
from assay.releases.build import open_application
from assay.releases.file.locator import locate
from assay.releases.file.reading import read_text
from assay.releases.project import Project

_TABLE = re.compile(r"^\s*\[answer\]\s*(#.*)?$", re.MULTILINE)


async def calibrate_abstention(project: Project, dataset: Path, max_error: float) -> Calibration:
    """Ask every case with no threshold, and fit one to the confidences that come out.

    A case whose answer cites none of its ``relevant`` documents counts as answered wrongly.
    Raises InputError where the cases do not hold both kinds, ModelError, StoreError.
    """
    cases = read_cases(dataset)
    application = open_application(project, abstain_below=0.0)
    try:
        scored = [scored async for scored in _scored(application, cases)]
    finally:
        await application.close()
    return calibrate(scored, aim=ErrorTarget(max_error))


async def _scored(application: Application, cases: list[Case]) -> AsyncIterator[ScoredCase]:
    for case in cases:
        async with aclosing(application.answer(_question(case))) as events:
            async for event in events:
                match event:
                    case Failed(error=error):
                        raise error
                    case Answer():
                        cited = {citation.document for citation in event.citations}
                        relevant = set(case.relevant or ())
                        right = bool(cited & relevant) if relevant else None
                        yield ScoredCase(event.confidence, case.answerable is not False, right)


def _question(case: Case) -> Question:
    return Question(case.question, case.history, groups=frozenset({PUBLIC, *(case.access or ())}))


def as_dict(fitted: Calibration) -> dict[str, Any]:
    """A calibration as JSON."""
    return asdict(fitted)


def keep(project: Project, fitted: Calibration) -> Path:
    """Write the threshold into the application's file as ``abstain_below``; every other
    character stays, but for line ends, which become line feeds.

    Raises InputError when no threshold met the target, since writing one would silence the application,
    and when the key is written in a form that cannot be changed by its line.
    """
    if not fitted.met:
        raise InputError(
            f"no threshold reaches the target ({fitted.rule}); nothing was written. "
            "Allow a larger --max-error, or add cases"
        )
    path, threshold = project.file.path, round(fitted.threshold, 4)
    old = read_text(path)
    new = with_threshold(old, threshold)
    if not _only_threshold_differs(old, new, threshold):
        raise InputError(
            f"{path}: abstain_below stands where it cannot be changed safely; nothing was written. "
            f"Set answer.abstain_below to {threshold} there yourself"
        )
    try:
        path.write_text(new, encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}; grant the right") from error
    return path


def _only_threshold_differs(old: str, new: str, threshold: float) -> bool:
    """Whether ``new`` says what ``old`` does but for the threshold: not in an inline table, or with a dotted key."""
    try:
        wanted, found = tomllib.loads(old), tomllib.loads(new)
    except tomllib.TOMLDecodeError:
        return False
    wanted.setdefault("answer", {})["abstain_below"] = threshold
    return found == wanted


def with_threshold(text: str, threshold: float) -> str:
    """An application's file with ``answer.abstain_below`` set to ``threshold``."""
    line = f"abstain_below = {threshold}"
    lines = text.removesuffix("\n").split("\n")
    at = locate(text).get(("answer", "abstain_below"))
    if at is not None:
        comment = re.search(r"\s+#.*$", lines[at - 1])
        lines[at - 1] = line + (comment[0] if comment else "")
    elif table := _TABLE.search(text):
        lines.insert(text.count("\n", 0, table.end()) + 1, line)
    else:
        lines += ["", "[answer]", line]
    return "\n".join(lines) + "\n"
