"""Runs and comparisons computed again from their files alone, and held against what was said of them."""

from __future__ import annotations

from pathlib import Path

from assay.errors import InputError
from assay.evaluation.artifacts import comparison_file
from assay.evaluation.artifacts.comparison_file import Compares
from assay.evaluation.artifacts.run_file import read
from assay.evaluation.labelling.correction import corrected, reasons
from assay.evaluation.records import Run
from assay.releases.measuring.evaluating import RUNS, Evaluated, Wanted, asked_guards, compared, with_labels
from assay.releases.project import Project
from assay.stores.labels import LabelStore


def recomputed(
    project: Project | None, path: Path, against: Path | None, labels: LabelStore | None = None
) -> Evaluated:
    """Everything again from artifacts alone: of a run, of two, or of a comparison's file.

    The gate is the one that a comparison's file tells; for two runs that of ``project``, where there is one,
    as far as both measured it. People's labels are those that the artifacts hold; for two runs, ``labels`` in
    their place are those that there are now. Raises InputError.
    """
    kept = comparison_file.read(path) if against is None else None
    if kept is not None:
        return _compared_again(path, kept)
    run = _read(path, labels)
    if against is None:
        return Evaluated(run, path, notices=tuple(reasons(corrected(run))))
    other, notices = _read(against, labels), list[str]()
    both = [metric for metric in run.metrics if metric.name in {each.name for each in other.metrics}]
    asked = asked_guards(project, both, Wanted(whole_gate=False), notices) if project is not None else []
    alpha = project.manifest.evaluation.alpha if project is not None else 0.05
    comparison = compared(run, other, asked, notices, alpha=alpha)
    return Evaluated(run, path, other, against, comparison, notices=tuple(notices))


def _compared_again(path: Path, kept: Compares) -> Evaluated:
    near = (path.parent, path.parent.parent / RUNS)
    folder = next((each for each in near if (each / kept.run).exists() and (each / kept.baseline).exists()), None)
    if folder is None:
        raise InputError(f"{path}: compares {kept.run} with {kept.baseline}; put both beside it, or into {near[1]}")
    run, other = read(folder / kept.run), read(folder / kept.baseline)
    comparison = compared(run, other, kept.guards, alpha=kept.alpha)
    differing = comparison_file.differences(kept.said, comparison)
    places = "1 place" if len(differing) == 1 else f"{len(differing)} places"
    told = (
        f"{path.name} does not say what its two runs give, in {places}; what follows is computed"
        if differing
        else f"every number of {path.name} was computed again from its two runs, and is the same"
    )
    files = (folder / kept.run, folder / kept.baseline)
    return Evaluated(run, files[0], other, files[1], comparison, path, (told,), tuple(differing))


def _read(path: Path, labels: LabelStore | None) -> Run:
    run = read(path)
    return run if labels is None else with_labels(run, labels)
