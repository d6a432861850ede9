"""The runs in a folder: listed, searched, and loaded by the beginning of an id."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from assay.errors import InputError, NotFound
from assay.evaluation.artifacts.run_file import SUFFIX, Summary, read, read_summary
from assay.evaluation.records import Run

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_CONDITION = re.compile(r"([A-Za-z_][\w@.^-]*)(>=|<=|>|<|=)(-?\d+(?:\.\d*)?|-?\.\d+)")
_FIELDS: Mapping[str, Callable[[Summary], Sequence[str]]] = {
    "label": lambda run: (run.label,),
    "dataset": lambda run: (run.dataset, run.dataset_digest),
    "release": lambda run: (run.subject,),
    "id": lambda run: (run.id,),
}
Condition: TypeAlias = Callable[[Summary], bool]


@dataclass(frozen=True, slots=True)
class Experiment:
    """A run in a folder."""

    path: Path
    summary: Summary


@dataclass(frozen=True, slots=True)
class Listing:
    """The runs of a folder, newest first, and what could not be read there, with the reason."""

    runs: tuple[Experiment, ...]
    unreadable: tuple[str, ...] = ()


def listing(folder: Path, query: str = "") -> Listing:
    """The runs in ``folder`` that meet every condition of ``query``; a folder that is not there has none.

    Conditions stand apart by blanks: ``faithfulness>0.8`` compares a metric's mean (> >= < <= =), ``label:``,
    ``dataset:``, ``release:`` and ``id:`` want the beginning of that, and any other word is looked for in label,
    dataset, release, id and environment. Raises InputError for a field that does not exist.
    """
    conditions = [_condition(word) for word in query.split()]
    runs: list[Experiment] = []
    unreadable: list[str] = []
    for path in _files(folder):
        try:
            found = Experiment(path, read_summary(path))
        except InputError as error:
            unreadable.append(str(error))
            continue
        if all(condition(found.summary) for condition in conditions):
            runs.append(found)
    runs.sort(key=lambda run: (-run.summary.started, run.summary.id))
    return Listing(tuple(runs), tuple(unreadable))


def find(folder: Path, id: str) -> Path:
    """The file of the only run whose id begins so; ``latest`` is the newest.

    Raises NotFound when there is none, InputError when there are several.
    """
    known = listing(folder).runs
    wanted = id.strip().lower()
    if wanted == "latest" and known:
        return known[0].path
    found = [run for run in known if wanted and run.summary.id.startswith(wanted)]
    if not found:
        raise NotFound(f"no experiment begins with {id!r}; `assay experiments list` shows them")
    if len(found) > 1 and not any(run.summary.id == wanted for run in found):
        raise InputError(
            f"{id!r} names several experiments, {found[0].summary.id} and {found[1].summary.id} among them; "
            "give more digits"
        )
    return next((run.path for run in found if run.summary.id == wanted), found[0].path)


def load(folder: Path, id: str) -> Run:
    """The run whose id begins so. Raises NotFound, InputError."""
    return read(find(folder, id))


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith("."))


def _condition(word: str) -> Condition:
    if compared := _CONDITION.fullmatch(word):
        name, sign, bound = compared[1], compared[2], float(compared[3])
        return lambda run: _holds(run, name, _COMPARE[sign], bound)
    name, colon, wanted = word.partition(":")
    if colon and name in _FIELDS:
        return lambda run: any(text.lower().startswith(wanted.lower()) for text in _FIELDS[name](run))
    if colon and name.isidentifier():
        raise InputError(f"{word!r}: a run has no {name!r}; search by {', '.join(_FIELDS)}, a metric>0.8, or a word")
    return lambda run: any(word.lower() in text.lower() for text in _texts(run))


def _holds(run: Summary, metric: str, compare: Callable[[float, float], bool], bound: float) -> bool:
    mean = run.means.get(metric)
    return mean is not None and mean.value is not None and compare(mean.value, bound)


def _texts(run: Summary) -> list[str]:
    return [run.label, run.dataset, run.dataset_digest, run.subject, run.id, *run.environment.values()]
