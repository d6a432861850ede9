"""A judge that always says the same, on a local port, and cases for it: the same for every framework.

It reads what a framework asks for off its prompt or its schema, and answers after 200 ms that the answer makes two
claims and both are supported; none for the answers that hold a mark below, and an error for one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from assay.testing.model_server import Received
from assay.testing.replies import Fail, Reply, Say

CLAIMS = ("The warranty lasts two years.", "It begins on delivery.")
FAILS, BARE, UNKNOWN = "zzfails", "zzbare", "zzunknown"
"""Words of the cases on which the judge fails, finds no claim because there is none, or because nothing is known."""
SPECIAL = {
    "a failed call": f"The warranty {FAILS} lasts two years.",
    "no claims": f"Hello {BARE}, nice to meet you!",
    "I don't know": f"I don't know, {UNKNOWN}.",
}


def replies(latency: float) -> Callable[[Received], Reply]:
    """What the server answers to each request, after so many seconds."""

    def reply(received: Received) -> Reply:
        text = json.dumps(received.body.get("messages") or received.body.get("input"), ensure_ascii=False)
        if FAILS in text:
            return Fail(500)
        claims = () if BARE in text or UNKNOWN in text else CLAIMS
        return Say(json.dumps(_said(received.body, text, claims)), delay=latency)

    return reply


def write_cases(path: Path, count: int) -> Path:
    """Cases of ``{"id", "question", "contexts", "answer"}``, a line each."""
    lines = [_case(f"c{i}", f"How long is the warranty of product {i}?", f"Two years ({i}), from delivery.")
             for i in range(count)]  # fmt: skip
    return _write(path, lines)


def write_special(path: Path) -> Path:
    """One case for each way in which there is no score; each fails, if it fails, with all that is said of it."""
    return _write(
        path, [_case(name, f"What is said in the case of {name}?", answer) for name, answer in SPECIAL.items()]
    )


def _case(id: str, question: str, answer: str) -> dict[str, Any]:
    mark = f" {FAILS}" if FAILS in answer else ""
    contexts = [f"The warranty lasts two years and begins on delivery. {question}{mark}"]
    return {"id": id, "question": question, "contexts": contexts, "answer": answer}


def _write(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return path


def _said(body: Any, text: str, claims: tuple[str, ...]) -> dict[str, Any]:
    schema = ((body.get("response_format") or {}).get("json_schema") or {}).get("schema") or {}
    asked = schema.get("properties") or {}
    if asked:  # DeepEval: structured output, a schema for each step
        full: dict[str, Any] = {
            "truths": list(CLAIMS),
            "claims": list(claims),
            "verdicts": [{"verdict": "yes", "reason": "stated"} for _ in claims],
            "reason": "All claims are supported.",
        }
        return {name: full[name] for name in asked}
    if "statements" in text:  # Ragas: the schema stands in the prompt
        if "verdict" not in text:
            return {"statements": list(claims)}
        return {"statements": [{"statement": claim, "reason": "stated", "verdict": 1} for claim in claims]}
    return {"claims": [{"claim": claim, "quote": claim, "verdict": "yes"} for claim in claims]}
