"""Evaluation inside pytest: a release passes its gate, or the test says what did not, and by how much.

from assay.testing.passing import assert_passes

def test_the_prompt_is_no_worse_than_live() -> None:
    assert_passes("assay.toml", "evals/*.jsonl", against="live")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.releases.measuring.evaluating import Evaluated


def assert_passes(
    release: str | PathLike[str] | None = None,
    dataset: str | PathLike[str] | Sequence[str | PathLike[str]] | None = None,
    *,
    against: str = "live",
    gate: Mapping[str, Mapping[str, float]] | None = None,
    scorers: Sequence[str] | None = None,
    judge: str | None = None,
    limit: int | None = None,
    inconclusive: str = "fail",
    fresh_latency: bool = False,
) -> Evaluated:
    """Evaluate the application at ``release`` against another on the same cases, and assert that its gate passes.

    ``release`` is an application's file or folder (None: ``assay.toml`` here or above), ``dataset`` files or
    globs (None: those of the file), ``against`` a baseline as ``assay eval --against`` takes it, ``gate`` bounds
    by metric such as ``{"faithfulness": {"margin": 0.02}}`` (None: those of the file). What was answered and
    scored before is not done again. ``inconclusive``: "fail" the test, "skip" it, or "pass".
    ``fresh_latency`` asks both releases anew where their answers were not timed side by side, which a guard on
    latency needs.

    Returns what was found. Raises AssertionError with the report's summary, and what ``evaluate`` raises.
    """
    import anyio

    from assay.evaluation.reporting.markdown import markdown_summary
    from assay.evaluation.reporting.summary import report
    from assay.evaluation.verdicts import Fail, Inconclusive
    from assay.releases.measuring.evaluating import Wanted, evaluate
    from assay.releases.project import Project

    if inconclusive not in ("fail", "skip", "pass"):
        raise ValueError(f'inconclusive={inconclusive!r}: write "fail", "skip" or "pass"')
    project = Project.load(None if release is None else Path(release))
    bounds = None if gate is None else {name: _bound(name, each) for name, each in gate.items()}
    if not (bounds if bounds is not None else project.manifest.evaluation.gate):
        raise ValueError("there is no gate: give gate={...}, or [evaluation.gate] in the application's file")
    datasets = [dataset] if isinstance(dataset, str | PathLike) else dataset
    wanted = Wanted(
        datasets=None if datasets is None else [str(each) for each in datasets],
        scorers=scorers,
        judge=judge,
        limit=limit,
        against=against,
        bounds=bounds,
        fresh_latency=fresh_latency,
    )
    # In a thread of its own, since the test may itself run in an event loop.
    with ThreadPoolExecutor(1) as threads:
        found = threads.submit(lambda: anyio.run(evaluate, project, wanted)).result()
    assert found.comparison is not None
    verdict = found.comparison.verdict
    told = markdown_summary(report(found.run, comparison=found.comparison, baseline=found.baseline))
    if isinstance(verdict, Inconclusive) and inconclusive != "fail":
        if inconclusive == "skip":
            import pytest

            pytest.skip(f"inconclusive: {verdict.why}")
        return found
    if isinstance(verdict, Fail | Inconclusive):
        raise AssertionError(f"{type(verdict).__name__.lower()}: {verdict.why}\n\n{told}")
    return found


def _bound(name: str, told: Mapping[str, float]) -> tuple[float | None, float | None]:
    """Margin and ratio, of which exactly one is given. Raises ValueError."""
    if len(told) != 1 or not told.keys() <= {"margin", "ratio"}:
        raise ValueError(f'gate[{name!r}] is {dict(told)}: write {{"margin": 0.02}} or {{"ratio": 1.2}}')
    return told.get("margin"), told.get("ratio")
