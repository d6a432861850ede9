from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.evaluation.scorers.building import HOLIDAYS, HOTEL, TRAINS, cite, sample

from assay.evaluation.cases import ExpectedCall
from assay.evaluation.judges.offline.judge import OfflineJudge
from assay.evaluation.judging import Verdict
from assay.evaluation.samples import Sample
from assay.evaluation.scorers.opening import NAMES, open_scorers
from assay.evaluation.scoring import Scorer
from assay.messages import ToolCall
from assay.scores import Scored
from assay.testing.judge import ScriptedJudge
from assay.testing.scorer_conformance import ScorerConformance

SAID = "A hotel may cost up to 140 euros a night."
FULL = sample(
    SAID,
    expected=("up to 140 euros",),
    relevant=("travel.md",),
    answerable=True,
    wanted_calls=(ExpectedCall("book", {"hotel": 1}),),
    made_calls=(ToolCall("a", "book", '{"hotel": 1}'),),
    wanted_state={"booked": [1]},
    state={"booked": [1, 2]},
    retrieved=("holidays.md", "travel.md"),
    passages=(HOLIDAYS, HOTEL, TRAINS),
    citations=(cite(HOTEL, SAID), cite(TRAINS, SAID)),
    confidence=0.8,
    milliseconds=120.0,
    first_token_milliseconds=30.0,
    cost=0.002,
)
EXACT = sample("up to 140 euros", expected=("up to 140 euros",), answerable=True)


def judge() -> ScriptedJudge:
    return ScriptedJudge(
        {
            "faithfulness": Verdict(Scored(0.9), "because", {"unsupported": [[0, 1]], "claims": []}),
            "relevance": 0.5,
            "correctness": Verdict(Scored(0.8), detail={"tp": 1, "fp": 1, "fn": 0}),
            "claim": 1.0,
            "context_relevance": 0.7,
            "context_recall": 0.4,
        }
    )


class _Ours(ScorerConformance):
    name: str

    def samples(self) -> Sequence[Sample]:
        return (FULL, EXACT)


@pytest.mark.anyio
@pytest.mark.parametrize("name", NAMES)
class TestWithAJudge(_Ours):
    @pytest.fixture(autouse=True)
    def _named(self, name: str) -> None:
        self.name = name

    def scorer(self) -> Scorer:
        return open_scorers([self.name], judge=judge())[0]


WITHOUT = [name for name in NAMES if name not in ("faithfulness", "relevance")]


@pytest.mark.anyio
@pytest.mark.parametrize("name", WITHOUT)
class TestWithoutAJudge(_Ours):
    @pytest.fixture(autouse=True)
    def _named(self, name: str) -> None:
        self.name = name

    def scorer(self) -> Scorer:
        return open_scorers([self.name])[0]


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["faithfulness", "relevance", "correctness", "context", "citations"])
async def test_another_judge_is_another_identity(name: str) -> None:
    first = open_scorers([name], judge=ScriptedJudge(lambda item: 1.0))[0]
    second = open_scorers([name], judge=ScriptedJudge(lambda item: 1.0, identity="scripted:other"))[0]
    assert first.identity != second.identity


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["faithfulness", "relevance", "context", "correctness", "citations"])
class TestWithTheOfflineJudge(_Ours):
    @pytest.fixture(autouse=True)
    def _named(self, name: str) -> None:
        self.name = name

    def scorer(self) -> Scorer:
        return open_scorers([self.name], judge=OfflineJudge())[0]
