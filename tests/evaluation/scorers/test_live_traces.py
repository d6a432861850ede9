from __future__ import annotations

import json

import pytest
from tests.evaluation.scorers.building import HOTEL, reason, value

from assay import traces
from assay.evaluation.datasets.from_trace import sample_from_trace
from assay.evaluation.scorers.opening import NAMES, open_scorers
from assay.evaluation.scoring import measure
from assay.scores import Score, Scored
from assay.testing.judge import ScriptedJudge
from assay.traces import Attribute, Span, Trace

pytestmark = pytest.mark.anyio

SAID = "A hotel may cost up to 140 euros a night."
PASSAGE = {"document": HOTEL.document, "start": 0, "end": HOTEL.end, "text": HOTEL.text, "title": HOTEL.title}
CITED = {"document": HOTEL.document, "chunk": "c", "start": 0, "end": HOTEL.end, "quote": HOTEL.text, "sentence": SAID}


def trace(*, content: bool) -> Trace:
    root: dict[str, Attribute] = {traces.RELEASE: "abc", traces.CONFIDENCE: 0.9, traces.COST: 0.002}
    inner: dict[str, Attribute] = {}
    if content:
        root |= {traces.QUESTION: "How much?", traces.ANSWER: SAID, traces.CITATIONS: json.dumps([CITED])}
        inner = {
            traces.HITS: json.dumps([{"document": HOTEL.document, "kept": True}]),
            traces.CONTEXT: json.dumps([PASSAGE]),
        }
    return Trace("0" * 32, (Span("a", None, "answer", 0, 2_000_000, root), Span("b", "a", "retrieve", 0, 1, inner)))


async def scores(of: Trace) -> dict[str, Score]:
    found: dict[str, Score] = {}
    for scorer in open_scorers(NAMES, judge=ScriptedJudge(1.0)):
        found |= {name: m.score for name, m in (await measure(scorer, sample_from_trace(of))).items()}
    return found


async def test_live_traffic_is_scored_by_the_same_scorers() -> None:
    found = await scores(trace(content=True))
    scored = {name for name, score in found.items() if isinstance(score, Scored)}
    assert scored == {
        "faithfulness",
        "relevance",
        "context_precision",
        "citation_recall",
        "citation_precision",
        "citation_resolves",
        "latency",
        "cost",
        "errors",
    }
    assert value(found["latency"]) == 2.0
    assert value(found["cost"]) == 0.002


async def test_without_content_only_quantities_are_left_and_all_else_has_a_reason() -> None:
    found = await scores(trace(content=False))
    assert {name for name, score in found.items() if isinstance(score, Scored)} == {"latency", "cost", "errors"}
    assert reason(found["faithfulness"]) == "the answer is empty"
