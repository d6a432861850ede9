# ruff: noqa: T201
"""Fit the coefficients of the offline correctness judge on people's verdicts, and measure it.

    python tools/fit_correctness.py --data DIR [--out FILE]

DIR holds ``responses.jsonl``, one answer a line: id ("QUESTION-system"), question, expected (aliases between "/"),
response, correct. Needs scikit-learn, which Assay does not. The same data give the same file.

Printed first, cross-validated by question so that no question is in both parts of a split: accuracy with
Wilson's interval and that of alias match on the same answers, calibration, confusion, and the kinds of errors.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.evaluation.judges.offline.correctness import COEFFICIENTS, limits
from assay.evaluation.judges.offline.expected_answer import aliases
from assay.evaluation.judges.offline.matching import kind
from assay.evaluation.judges.offline.short_features import Reading, best, features, read
from assay.statistics.means import mean
from assay.statistics.proportions import proportion

Floats = NDArray[np.float64]

OUT = Path(__file__).parents[1] / "src" / "assay" / "evaluation" / "judges" / "offline" / COEFFICIENTS
INVERSE_PENALTY = 0.3
FOLDS, REPEATS = 10, 5
DIGITS = 5  # significant: enough for the verdicts, and no more than another machine's arithmetic repeats
PROVENANCE = {
    "model": "logistic regression on short_features, L2, C = 0.3 on standardised features; weights are for raw ones",
    "fitted on": "3,000 answers to Natural Questions with people's verdicts (EVOUNA-NQ, QA-Eval repository, "
    "Wang et al. 2023, arXiv 2305.12421), Apache-2.0. No text of them is kept here.",
    "fitted by": "tools/fit_correctness.py",
    "licence": "Apache-2.0",
}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A judged answer: the question's number, the case in tokens, alias match, the person's verdict."""

    group: str
    case: Reading
    contains: bool
    correct: bool


def main() -> int:
    """Read, cross-validate, fit, write."""
    parser = argparse.ArgumentParser(description="Fit and measure the offline correctness judge.")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder that holds responses.jsonl")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help="coefficients to write")
    options = parser.parse_args()
    if not (options.data / "responses.jsonl").is_file():
        parser.error(f"no responses.jsonl in {options.data}")
    try:
        import sklearn  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        print("fit_correctness needs scikit-learn: pip install scikit-learn, then try again", file=sys.stderr)
        return 2
    rows = list(labelled(options.data / "responses.jsonl"))
    started = time.perf_counter()
    found = [features(row.case) for row in rows]
    names = sorted(found[0])
    matrix = np.array([[one[name] for name in names] for one in found])
    truth = np.array([row.correct for row in rows])
    print(f"{len(rows)} answers, {len({row.group for row in rows})} questions, {len(names)} features")
    print(f"features {1000 * (time.perf_counter() - started) / len(rows):.2f} ms an answer, reading not counted")
    report(rows, truth, validated(rows, matrix, truth))
    intercept, weights = fitted(matrix, truth)
    written = {
        "provenance": PROVENANCE,
        "intercept": rounded(intercept),
        "weights": {name: rounded(float(weight)) for name, weight in zip(names, weights, strict=True)},
    }
    options.out.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written to {options.out}")
    return 0


def labelled(path: Path) -> Iterator[Labelled]:
    """The answers of the file, each brought to tokens as the judge does it."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            expected, answer = aliases(record["expected"]), record["response"] or ""
            group = str(record["id"]).partition("-")[0]
            contained = any(bare(alias) in bare(answer) for alias in expected if bare(alias).strip())
            yield Labelled(group, read(record["question"], expected, answer), contained, bool(record["correct"]))


def bare(text: str) -> str:
    """Lower case without articles and punctuation, as SQuAD's metrics have it, between spaces."""
    words = re.sub(r"[^\w\s]", "", re.sub(r"\b(?:a|an|the)\b", " ", text.lower())).split()
    return f" {' '.join(words)} "


def fitted(matrix: Floats, truth: NDArray[np.bool_]) -> tuple[float, Floats]:
    """Intercept and weights for raw features."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-not-found]

    centre, spread = matrix.mean(axis=0), matrix.std(axis=0)
    spread[spread == 0] = 1.0
    model: Any = LogisticRegression(C=INVERSE_PENALTY, solver="newton-cholesky", tol=1e-10, max_iter=1000)
    model.fit((matrix - centre) / spread, truth)
    weights: Floats = model.coef_[0] / spread
    return float(model.intercept_[0] - weights @ centre), weights


def validated(rows: Sequence[Labelled], matrix: Floats, truth: NDArray[np.bool_]) -> list[Floats]:
    """Out-of-fold probabilities, one array a repeat: folds by question, rules applied as the judge applies them."""
    from sklearn.model_selection import StratifiedGroupKFold  # type: ignore[import-not-found]

    held = np.array([limits(row.case) for row in rows])
    groups = np.array([row.group for row in rows])
    repeats = []
    for seed in range(REPEATS):
        out = np.zeros(len(rows))
        for train, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(matrix, truth, groups):
            intercept, weights = fitted(matrix[train], truth[train])
            out[test] = 1 / (1 + np.exp(-(intercept + matrix[test] @ weights)))
        repeats.append(np.clip(out, held[:, 0], held[:, 1]))
    return repeats


def report(rows: Sequence[Labelled], truth: NDArray[np.bool_], repeats: Sequence[Floats]) -> None:
    """Print what the cross-validation found; intervals and tables are of the first repeat."""
    accuracies = [float(((p >= 0.5) == truth).mean()) for p in repeats]
    print(f"accuracy, {REPEATS} x {FOLDS} folds by question: {np.mean(accuracies):.4f} "
          f"(repeats {', '.join(f'{a:.4f}' for a in accuracies)})")  # fmt: skip
    first = repeats[0]
    said = first >= 0.5
    groups = [row.group for row in rows]
    for name, verdicts in (("judge", said), ("alias match", np.array([row.contains for row in rows]))):
        right = verdicts == truth
        by_question = mean([float(r) for r in right], clusters=groups)
        print(f"  {name:12} {proportion(int(right.sum()), len(rows))} (Wilson); {by_question} ({by_question.method})")
    print(f"calibration: ECE {np.mean([calibration_error(p, truth) for p in repeats]):.4f} (10 bins), "
          f"Brier {np.mean((first - truth) ** 2):.4f}")  # fmt: skip
    print(f"confusion: right {int((said & truth).sum())}, wrong {int((~said & ~truth).sum())}, "
          f"false right {int((said & ~truth).sum())}, false wrong {int((~said & truth).sum())}")  # fmt: skip
    classes("match of the alias", rows, said, truth, matched)
    classes("asked for", rows, said, truth, lambda row: next(iter(row.case.question.split()), ""), fewest=60)
    classes("words of the answer", rows, said, truth, lambda row: length(len(row.case.answer)))


def calibration_error(probability: Floats, truth: NDArray[np.bool_]) -> float:
    """Expected calibration error over ten bins of equal width."""
    bins = np.minimum((probability * 10).astype(int), 9)
    held = [bins == b for b in range(10) if (bins == b).any()]
    return float(sum(abs(probability[b].mean() - truth[b].mean()) * b.mean() for b in held))


def classes(
    title: str,
    rows: Sequence[Labelled],
    said: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    of: Callable[[Labelled], str],
    *,
    fewest: int = 0,
) -> None:
    """Print answers, accuracy and both kinds of errors for each class."""
    names = [of(row) for row in rows]
    print(f"by {title}: answers, accuracy, false right, false wrong")
    for name, n in Counter(names).most_common():
        if n >= fewest:
            at = np.array([one == name for one in names])
            wrong = (int((said & ~truth & at).sum()), int((~said & truth & at).sum()))
            print(f"  {name:12} {n:5d}  {1 - sum(wrong) / n:.3f}  {wrong[0]:4d}  {wrong[1]:4d}")


def matched(row: Labelled) -> str:
    """The kind of match that the judge reports."""
    at = best(row.case)
    return kind(row.case.aligned[at], first=row.case.written[at] == row.case.written[0])


def length(words: int) -> str:
    """A class of lengths."""
    return "1-5" if words <= 5 else "6-20" if words <= 20 else "21-50" if words <= 50 else "over 50"


def rounded(value: float) -> float:
    """To DIGITS significant digits."""
    return float(f"{value:.{DIGITS}g}")


if __name__ == "__main__":
    sys.exit(main())
