"""A comparison as a file: which runs, which guards, and what came out, so that it can be computed again and held
against what was said."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assay.errors import InputError, StoreError
from assay.evaluation.artifacts.forms import decode, encode, plain
from assay.evaluation.records import Run
from assay.evaluation.verdicts import Compared, Comparison, Guard, Verdict

FORMAT = 1
KIND = "assay-comparison"


@dataclass(frozen=True, slots=True)
class Compares:
    """The artifacts of two runs, as paths from the comparison's own folder, and how they were compared."""

    run: str
    baseline: str
    alpha: float
    guards: tuple[Guard, ...]
    said: Mapping[str, Any]


def as_dict(comparison: Comparison) -> dict[str, Any]:
    """A comparison as JSON: every number, a verdict as its name, why, and what it needs. A bound that no data
    set is null, since JSON knows no infinity."""
    whole: dict[str, Any] = bounded(_whole(comparison))
    return whole


def bounded(value: Any) -> Any:
    """``value`` of dicts, lists and tuples, with null for every number that is not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: bounded(item) for key, item in value.items()}
    return [bounded(item) for item in value] if isinstance(value, list | tuple) else value


def _whole(comparison: Comparison) -> dict[str, Any]:
    return {
        "subject": comparison.subject,
        "baseline": comparison.baseline,
        "cases": comparison.cases,
        "alpha": comparison.alpha,
        "verdict": verdict_as_dict(comparison.verdict),
        "guards": [
            {
                "guard": asdict(each.guard),
                "verdict": verdict_as_dict(each.verdict),
                "effect": asdict(each.effect) if each.effect else None,
            }
            for each in comparison.guards
        ],
        "metrics": [_metric(each) for each in comparison.metrics],
        "flips": [asdict(flip) for flip in comparison.flips],
    }


def verdict_as_dict(verdict: Verdict | None) -> dict[str, Any] | None:
    """``{"verdict": "pass" | "fail" | "inconclusive", "why", "needs"}``."""
    if verdict is None:
        return None
    return {"verdict": type(verdict).__name__.lower(), "why": verdict.why, "needs": getattr(verdict, "needs", None)}


def _metric(each: Compared) -> dict[str, Any]:
    return {
        "metric": asdict(each.metric),
        "subject": asdict(each.subject),
        "baseline": asdict(each.baseline),
        "difference": asdict(each.difference),
        "p": each.p,
        "p_adjusted": each.p_adjusted,
        "detectable": each.detectable,
        "corrected": asdict(each.corrected) if each.corrected else None,
        "slices": [asdict(slice) for slice in each.slices],
    }


def write(
    comparison: Comparison, run: tuple[Run, Path], baseline: tuple[Run, Path], guards: Sequence[Guard], folder: Path
) -> Path:
    """Write it into ``folder``, beside or near the runs' artifacts. Raises StoreError."""
    path = folder / f"{run[1].stem}-against-{baseline[0].id[:12]}.json"
    compares = {
        "run": run[1].name,
        "baseline": baseline[1].name,
        "alpha": comparison.alpha,
        "guards": encode(tuple(guards), tuple[Guard, ...]),
        "said": plain(as_dict(comparison)),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps({"format": FORMAT, "kind": KIND} | compares, ensure_ascii=False) + "\n", "utf-8")
        draft.replace(path)
    except OSError as error:
        raise StoreError(f"{error.filename or path}: cannot be written: {error.strerror or error}") from error
    return path


def read(path: Path) -> Compares | None:
    """What a file says; None where it is JSON of another kind, such as a run. Raises InputError."""
    try:
        value = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: is not JSON, or cut off; name the artifact of a run, as `assay experiments list --json` does"
        ) from error
    if not isinstance(value, dict) or value.get("kind") != KIND:
        return None
    if value.get("format") != FORMAT:
        raise InputError(f"{path}: has format {value.get('format')!r}, this Assay reads {FORMAT}; upgrade Assay")
    try:
        guards = decode(value["guards"], tuple[Guard, ...])
        return Compares(str(value["run"]), str(value["baseline"]), float(value["alpha"]), guards, value["said"])
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise InputError(f"{path}: is damaged: {error}") from error


def differences(said: Mapping[str, Any], again: Comparison) -> list[str]:
    """Where a comparison that was computed again says otherwise, as paths into its JSON; none if it does not."""
    return list(_differing(dict(said), json.loads(json.dumps(plain(as_dict(again)))), ""))


def _differing(old: Any, new: Any, place: str) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(key for key in new if key not in old)]
        return [found for key in keys for found in _differing(old.get(key), new.get(key), f"{place}.{key}")]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [
            found for n, pair in enumerate(zip(old, new, strict=True)) for found in _differing(*pair, f"{place}[{n}]")
        ]
    return [] if old == new else [f"{place.removeprefix('.')}: {old!r} was said, {new!r} is computed"]
