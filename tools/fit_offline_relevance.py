#!/usr/bin/env python3
# ruff: noqa: T201
"""Fit the offline relevance judge: right answers against answers to other questions.

Usage: python -m tools.fit_offline_relevance --data DIR --out FILE

DIR holds clapnq/queries.jsonl and product-docs/queries.jsonl ({"text", "answer", "answerable"}) and
correctness/responses.jsonl ({"question", "response", "correct"}). Each question gets its right answer and two
of other questions of its set: one drawn, one whose question shares most words. Cross-validated by question.
Embeds some 1,400 texts with MiniLM: about a minute.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import numpy as np
from tools.fit_offline_judge import RESAMPLES, _auroc, _ece, _interval, _linear

from assay.digest import digest
from assay.evaluation.judges.offline.relevance import closeness, embeddings_wanted, features, refused
from assay.language.terms import terms
from assay.models.minilm import MiniLM

PENALTY, FOLDS, OPEN_QUESTIONS = 5.0, 5, 400


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--data", type=Path, required=True)
    asked.add_argument("--out", type=Path, required=True)
    given = asked.parse_args()
    pairs, right, groups, sets = _pairs(_sets(given.data))
    vectors = anyio.run(_embed, embeddings_wanted(pairs))
    lexical = [features(question, answer) for question, answer in pairs]
    embedded = [
        {**told, **closeness(float(vectors[question] @ vectors[answer]))}
        for told, (question, answer) in zip(lexical, pairs, strict=True)
    ]
    print(f"{len(pairs)} pairs of {len(set(groups))} questions, {sum(right)} right; bootstrap of {RESAMPLES}")
    for name, told in (("lexical", lexical), ("embedded", embedded)):
        _report(name, told, right, groups, sets)
    content = {
        "kind": "offline-relevance",
        "fitted_on": "right answers of clapnq (Apache-2.0), product documentation of the anthropic-cookbook (MIT) and "
        "QA-Eval (Apache-2.0) against answers to other questions; coefficients only, no text",
        "fitted_by": "tools/fit_offline_relevance.py",
        "positive": "addresses the question",
        "lexical": _written(lexical, right),
        "embedded": _written(embedded, right),
    }
    given.out.write_text(json.dumps({"content": content, "digest": digest(content)}, indent=1) + "\n", "utf-8")
    return 0


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _sets(data: Path) -> dict[str, list[tuple[str, str]]]:
    found = {
        name: [(q["text"], q["answer"]) for q in _lines(data / name / "queries.jsonl") if q["answerable"]]
        for name in ("clapnq", "product-docs")
    }
    opened = {r["question"]: r["response"] for r in _lines(data / "correctness" / "responses.jsonl") if r["correct"]}
    found["open"] = sorted(opened.items())[:: max(len(opened) // OPEN_QUESTIONS, 1)]
    return {name: [(q, a) for q, a in told if terms(q) and terms(a) and not refused(a)] for name, told in found.items()}


def _pairs(
    sets: dict[str, list[tuple[str, str]]],
) -> tuple[list[tuple[str, str]], list[bool], list[str], list[str]]:
    rng = np.random.default_rng(5)
    pairs: list[tuple[str, str]] = []
    right: list[bool] = []
    groups: list[str] = []
    named: list[str] = []
    for name, told in sets.items():
        stems = [set(terms(question)) for question, _ in told]
        for i, (question, answer) in enumerate(told):
            near = max(
                (j for j in range(len(told)) if j != i),
                key=lambda j: (len(stems[i] & stems[j]) / len(stems[i] | stems[j]), -j),
            )
            other = int((i + 1 + rng.integers(len(told) - 1)) % len(told))
            for said, good in ((answer, True), (told[near][1], False), (told[other][1], False)):
                pairs.append((question, said))
                right.append(good)
                groups.append(question)
                named.append(name)
    return pairs, right, groups, named


async def _embed(texts: Sequence[str]) -> dict[str, Any]:
    return dict(zip(texts, await MiniLM().embed(texts, "passage"), strict=True))


def _written(told: Sequence[dict[str, float]], right: Sequence[bool]) -> dict[str, Any]:
    model = _linear(told, right, PENALTY)
    return {"intercept": model.intercept, "weights": dict(model.weights)}


def _report(
    name: str, told: Sequence[dict[str, float]], right: Sequence[bool], groups: Sequence[str], sets: Sequence[str]
) -> None:
    questions = sorted(set(groups))
    drawn = np.random.default_rng(3).permutation(len(questions))
    fold = {question: int(at) % FOLDS for question, at in zip(questions, drawn, strict=True)}
    at = np.array([fold[group] for group in groups])
    whole = np.zeros(len(told))
    for part in range(FOLDS):
        train = np.flatnonzero(at != part).tolist()
        model = _linear([told[i] for i in train], [right[i] for i in train], PENALTY)
        for i in np.flatnonzero(at == part).tolist():
            whole[i] = model(told[i])
    good, named = np.array(right), np.array(sets)
    for chosen in ("all", *sorted(set(sets))):
        mask = np.ones(len(told), bool) if chosen == "all" else named == chosen
        low, high = _interval(whole[mask], good[mask], [g for g, here in zip(groups, mask, strict=True) if here])
        area, error = _auroc(whole[mask], good[mask]), _ece(whole[mask], good[mask])
        print(f"  {name:9} {chosen:13} n {mask.sum():5}  AUROC {area:.3f} [{low:.3f}, {high:.3f}]  ECE {error:.3f}")


if __name__ == "__main__":
    sys.exit(main())
