#!/usr/bin/env python3
# ruff: noqa: T201
"""Fit the offline faithfulness judge and say how well it does on sources it has not seen.

Usage: python -m tools.fit_offline_judge --data DIR --out FILE

DIR holds responses.jsonl, a line per answer: {"source_id", "task", "question", "source", "response",
"faithful", "spans": [{"start", "end"}]}; the shipped file was fitted on RAGTruth's test split as packaged
by FaithJudge. Needs nothing beyond Assay's own dependencies, and gives the same bytes each time on one
machine (coefficients are rounded, so that machines agree too).

Two ridge-penalised logistic regressions: claims (unsupported if a marked span touches them), then answers,
on risks of claims from models that have not seen the answer's source. Reported figures come from an outer
cross-validation by source around all of this, thresholds and calibration included.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.digest import digest
from assay.evaluation.judges.offline.evidence import evidence
from assay.evaluation.judges.offline.linear import Linear
from assay.evaluation.judges.offline.summary import Examined, examine, summary
from assay.language.terms import terms

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

CLAIM_PENALTY, ANSWER_PENALTY = 100.0, 10.0
FOLDS, INNER, SEEDS, RESAMPLES = 5, 5, (0, 1, 2), 2000
ROUNDING = 6


@dataclass(frozen=True, slots=True)
class Row:
    """An answer of the data, examined; ``marked`` says of each claim whether people marked a part of it."""

    source: str
    task: str
    faithful: bool
    claims: tuple[Examined, ...]
    marked: tuple[bool, ...]
    spans: tuple[tuple[int, int], ...]
    length: int
    contained: float
    milliseconds: float


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--data", type=Path, required=True, help="folder with responses.jsonl")
    asked.add_argument("--out", type=Path, required=True, help="coefficient file to write")
    asked.add_argument("--no-report", action="store_true", help="fit only")
    given = asked.parse_args()
    try:
        rows = [_row(json.loads(line)) for line in (given.data / "responses.jsonl").read_text("utf-8").splitlines()]
    except (OSError, KeyError, ValueError) as error:
        print(f"{given.data / 'responses.jsonl'} cannot be used: {error!r}", file=sys.stderr)
        return 2
    judged = [row for row in rows if row.claims]
    print(
        f"{len(rows)} answers to {len({row.source for row in rows})} sources; {len(rows) - len(judged)} claim nothing"
    )
    if not given.no_report:
        _report(judged)
    risks, _ = _out_of_fold(judged, 0)
    written = _fit(judged, _threshold(judged, risks))
    given.out.write_text(json.dumps({"content": written, "digest": digest(written)}, indent=1) + "\n", "utf-8")
    print(f"wrote {given.out}")
    return 0


def _row(data: dict[str, Any]) -> Row:
    started = time.perf_counter()
    found = examine(data["question"], evidence([data["source"]]), data["response"])
    taken = (time.perf_counter() - started) * 1000
    spans = tuple((int(span["start"]), int(span["end"])) for span in data["spans"])
    marked = tuple(any(a < one.claim.end and one.claim.start < b for a, b in spans) for one in found)
    told, source = terms(data["response"]), set(terms(data["source"]))
    contained = sum(term in source for term in told) / max(len(told), 1)
    return Row(
        str(data["source_id"]),
        data["task"],
        bool(data["faithful"]),
        found,
        marked,
        spans,
        len(data["response"]),
        contained,
        taken,
    )


# --- models


def _logistic(features: Floats, target: Floats, penalty: float) -> tuple[Floats, float]:
    """Ridge logistic regression on standardised features by Newton's method; weights for raw features."""
    mean, scale = features.mean(0), features.std(0)
    scale[scale == 0] = 1.0
    design = np.column_stack([(features - mean) / scale, np.ones(len(features))])
    ridge = np.full(design.shape[1], penalty)
    ridge[-1] = 1e-9
    beta = np.zeros(design.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        gradient = design.T @ (target - p) - ridge * beta
        hessian = (design * (p * (1 - p))[:, None]).T @ design + np.diag(ridge)
        step = np.linalg.solve(hessian, gradient)
        beta += step
        if np.abs(step).max() < 1e-9:
            break
    weights = beta[:-1] / scale
    return weights, float(beta[-1] - weights @ mean)


def _linear(told: Sequence[dict[str, float]], target: Sequence[bool], penalty: float) -> Linear:
    names = list(told[0])
    matrix = np.array([[one[name] for name in names] for one in told])
    weights, intercept = _logistic(matrix, np.array(target, dtype=float), penalty)
    kept = {n: round(float(w), ROUNDING) for n, w, s in zip(names, weights, matrix.std(0), strict=True) if s}
    return Linear(kept, round(intercept, ROUNDING))


def _claim_model(rows: Sequence[Row]) -> Linear:
    told = [dict(claim.features) for row in rows for claim in row.claims]
    return _linear(told, [mark for row in rows for mark in row.marked], CLAIM_PENALTY)


def _answer_model(rows: Sequence[Row], risks: Sequence[list[float]]) -> Linear:
    told = [summary(row.claims, risk) for row, risk in zip(rows, risks, strict=True)]
    return _linear(told, [not row.faithful for row in rows], ANSWER_PENALTY)


def _risks(model: Linear, rows: Sequence[Row]) -> list[list[float]]:
    return [[model(claim.features) for claim in row.claims] for row in rows]


def _parts(rows: Sequence[Row], count: int, seed: int) -> Iterator[tuple[Indices, Indices]]:
    """(train, test) index arrays; a source lies wholly on one side."""
    sources = sorted({row.source for row in rows})
    drawn = np.random.default_rng(seed).permutation(len(sources))
    fold = {source: int(at) % count for source, at in zip(sources, drawn, strict=True)}
    at = np.array([fold[row.source] for row in rows])
    for part in range(count):
        yield np.flatnonzero(at != part), np.flatnonzero(at == part)


def _unseen_risks(rows: Sequence[Row], seed: int) -> list[list[float]]:
    found: list[list[float]] = [[] for _ in rows]
    for train, test in _parts(rows, INNER, seed):
        chosen = [rows[i] for i in test]
        for i, risk in zip(test, _risks(_claim_model([rows[i] for i in train]), chosen), strict=True):
            found[i] = risk
    return found


def _both(rows: Sequence[Row]) -> tuple[Linear, Linear]:
    return _claim_model(rows), _answer_model(rows, _unseen_risks(rows, 101))


def _fit(rows: Sequence[Row], threshold: float) -> dict[str, Any]:
    claim, answer = _both(rows)
    return {
        "kind": "offline-faithfulness",
        "fitted_on": f"RAGTruth test split as packaged by FaithJudge (MIT): {len(rows)} answers, "
        f"{len({row.source for row in rows})} sources; coefficients only, no text",
        "fitted_by": "tools/fit_offline_judge.py",
        "positive": "unsupported",
        "threshold": threshold,
        "claim": {"intercept": claim.intercept, "weights": dict(claim.weights)},
        "answer": {"intercept": answer.intercept, "weights": dict(answer.weights)},
    }


# --- report


def _out_of_fold(rows: Sequence[Row], seed: int) -> tuple[list[list[float]], Floats]:
    """Risks of claims and of answers, each from models that saw nothing of the source."""
    risks: list[list[float]] = [[] for _ in rows]
    whole = np.zeros(len(rows))
    for train, test in _parts(rows, FOLDS, seed):
        claim, answer = _both([rows[i] for i in train])
        chosen = [rows[i] for i in test]
        for i, row, risk in zip(test, chosen, _risks(claim, chosen), strict=True):
            risks[i], whole[i] = risk, answer(summary(row.claims, risk))
    return risks, whole


def _auroc(risk: Floats, bad: NDArray[np.bool_]) -> float:
    ordered = np.unique(risk, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(ordered[2]) - (ordered[2] - 1) / 2)[ordered[1]]
    positives = int(bad.sum())
    return float((ranks[bad].sum() - positives * (positives + 1) / 2) / (positives * (len(bad) - positives)))


def _interval(risk: Floats, bad: NDArray[np.bool_], sources: Sequence[str]) -> tuple[float, float]:
    """95 % percentile bootstrap over sources, since answers to one source are not independent."""
    _, at = np.unique(sources, return_inverse=True)
    members = [np.flatnonzero(at == i) for i in range(at.max() + 1)]
    rng, found = np.random.default_rng(7), []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        if 0 < bad[drawn].sum() < len(drawn):
            found.append(_auroc(risk[drawn], bad[drawn]))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def _bins(risk: Floats, bad: NDArray[np.bool_]) -> list[tuple[float, float, int]]:
    parts = np.array_split(np.argsort(risk, kind="stable"), 10)
    return [(float(risk[part].mean()), float(bad[part].mean()), len(part)) for part in parts]


def _ece(risk: Floats, bad: NDArray[np.bool_]) -> float:
    return sum(abs(said - seen) * n for said, seen, n in _bins(risk, bad)) / len(risk)


def _threshold(rows: Sequence[Row], risks: Sequence[list[float]]) -> float:
    """The probability of support below which a claim is reported: best F1 over claims."""
    risk = np.array([value for row in risks for value in row])
    bad = np.array([mark for row in rows for mark in row.marked])
    tried = np.linspace(0.1, 0.6, 51)
    scores = [2 * float((bad & (risk > t)).sum()) / max(float(bad.sum() + (risk > t).sum()), 1.0) for t in tried]
    return round(1 - float(tried[int(np.argmax(scores))]), 2)


def _report(rows: Sequence[Row]) -> None:
    bad = np.array([not row.faithful for row in rows])
    tasks = np.array([row.task for row in rows])
    sources = [row.source for row in rows]
    repeats = [_out_of_fold(rows, seed) for seed in SEEDS]
    masks = {"all": np.ones(len(rows), bool), **{task: tasks == task for task in sorted(set(tasks.tolist()))}}
    floor = 1 - np.array([row.contained for row in rows])
    print(
        f"\nAUROC, cross-validated by source, {len(SEEDS)} partitions; interval: bootstrap over sources, 1st partition"
    )
    for name, mask in masks.items():
        values = [_auroc(whole[mask], bad[mask]) for _, whole in repeats]
        chosen = [source for source, here in zip(sources, mask, strict=True) if here]
        low, high = _interval(repeats[0][1][mask], bad[mask], chosen)
        print(
            f"  {name:9} n {mask.sum():5}  {values[0]:.3f} [{low:.3f}, {high:.3f}]  mean {np.mean(values):.3f}"
            f"  word containment {_auroc(floor[mask], bad[mask]):.3f}"
            f"  ECE {np.mean([_ece(whole[mask], bad[mask]) for _, whole in repeats]):.3f}"
        )
    print("\nreliability, 1st partition (10 bins of equal mass): risk said, share unfaithful, n")
    for said, seen, n in _bins(repeats[0][1], bad):
        print(f"  {said:.3f}  {seen:.3f}  {n}")
    _report_spans(rows, repeats[0][0])
    taken = np.array([row.milliseconds for row in rows])
    print(f"\nms a response, features and index: median {np.median(taken):.1f}, 95 % {np.quantile(taken, 0.95):.1f}\n")


def _report_spans(rows: Sequence[Row], risks: Sequence[list[float]]) -> None:
    flat = np.array([value for row in risks for value in row])
    marked = np.array([mark for row in rows for mark in row.marked])
    threshold = 1 - _threshold(rows, risks)
    said = flat > threshold
    print(
        f"\nclaims: AUROC {_auroc(flat, marked):.3f}, ECE {_ece(flat, marked):.3f}; reported at risk > {threshold:.2f}"
    )
    hit = float((said & marked).sum())
    print(f"  claims: precision {hit / said.sum():.3f}, recall {hit / marked.sum():.3f}")
    shared = told = meant = 0
    for row, risk in zip(rows, risks, strict=True):
        ours, theirs = np.zeros(row.length, bool), np.zeros(row.length, bool)
        for one, value in zip(row.claims, risk, strict=True):
            ours[one.claim.start : one.claim.end] |= value > threshold
        for start, end in row.spans:
            theirs[start:end] = True
        shared, told, meant = shared + int((ours & theirs).sum()), told + int(ours.sum()), meant + int(theirs.sum())
    print(f"  characters: precision {shared / told:.3f}, recall {shared / meant:.3f}")


if __name__ == "__main__":
    sys.exit(main())
