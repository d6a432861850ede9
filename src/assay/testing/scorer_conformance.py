"""What every Scorer must do. A test class inherits this, says how to make a scorer and samples that it can score.

@pytest.mark.anyio
class TestMine(ScorerConformance):
    ...
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace

from assay.digest import canonical
from assay.evaluation.cases import Case
from assay.evaluation.samples import Answered, Failed, Sample
from assay.evaluation.scoring import Measured, Scorer, measure
from assay.scores import Scored, Unscored

FAILED = Failed("ModelTimeout", "scripted:model: no answer within 60 s", trace="00ff", milliseconds=60_000.0)
NOTHING_KNOWN = Sample(Case("nothing", "Who asks?"), Answered("Somebody."))
"""An answer of which no more is known than its words."""
ODD = (
    "",
    " \n\t ",
    "…",
    "emoji 👍🏽 and a nul \x00 inside",
    "# Heading\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\ncode = 1\n```\n",
    "I don't know.",
    "word " * 3000,
)


class ScorerConformance(ABC):
    @abstractmethod
    def scorer(self) -> Scorer:
        """A scorer; called once or twice for each test. Each has the same settings."""

    @abstractmethod
    def samples(self) -> Sequence[Sample]:
        """Samples of which every metric can be scored in at least one."""

    async def test_it_says_what_it_is(self) -> None:
        scorer, other = self.scorer(), self.scorer()
        assert scorer.name.strip() == scorer.name != ""
        assert scorer.identity.strip() == scorer.identity != ""
        assert scorer.identity == other.identity, "equal scorers have to be known for the same"
        assert scorer.metrics == other.metrics
        names = [metric.name for metric in scorer.metrics]
        assert names
        assert all(names)
        assert len(set(names)) == len(names)

    async def test_every_metric_is_measured_and_no_other(self) -> None:
        scorer = self.scorer()
        for sample in (*self.samples(), NOTHING_KNOWN):
            assert set(await scorer.score(sample)) == {metric.name for metric in scorer.metrics}

    async def test_every_metric_can_be_scored(self) -> None:
        scorer = self.scorer()
        found = [await scorer.score(sample) for sample in self.samples()]
        for metric in scorer.metrics:
            scores = [measured[metric.name].score for measured in found]
            assert any(isinstance(score, Scored) for score in scores), f"{metric.name} is never scored: {scores}"

    async def test_values_are_what_the_metric_says(self) -> None:
        scorer = self.scorer()
        for sample in self.samples():
            _check(scorer, await scorer.score(sample))

    async def test_what_cannot_be_scored_has_a_reason(self) -> None:
        scorer = self.scorer()
        for measured in (await scorer.score(NOTHING_KNOWN)).values():
            if isinstance(measured.score, Unscored):
                assert measured.score.reason.strip()

    async def test_odd_texts_are_scored_or_have_a_reason(self) -> None:
        scorer = self.scorer()
        for sample in self.samples():
            outcome = sample.outcome
            if isinstance(outcome, Answered):
                for text in ODD:
                    _check(scorer, await scorer.score(replace(sample, outcome=replace(outcome, text=text))))

    async def test_a_failed_answer_has_scores_only_where_the_metric_says_so(self) -> None:
        scorer = self.scorer()
        for sample in self.samples():
            found = await measure(scorer, replace(sample, outcome=FAILED))
            _check(scorer, found)
            for metric in scorer.metrics:
                assert isinstance(found[metric.name].score, Scored) is metric.of_failures, metric.name

    async def test_the_same_sample_has_the_same_score(self) -> None:
        first, second = self.scorer(), self.scorer()
        for sample in self.samples():
            once, again = await first.score(sample), await first.score(sample)
            assert _scores(once) == _scores(again) == _scores(await second.score(sample))

    async def test_which_repeat_it_is_makes_no_difference(self) -> None:
        scorer = self.scorer()
        for sample in self.samples():
            again = await scorer.score(replace(sample, repeat=sample.repeat + 1))
            assert _scores(await scorer.score(sample)) == _scores(again)

    async def test_tags_and_provenance_make_no_difference(self) -> None:
        scorer = self.scorer()
        for sample in self.samples():
            case = replace(sample.case, id="other", tags={"kind": "x"}, provenance={"source": "y"}, cluster="z")
            assert _scores(await scorer.score(sample)) == _scores(await scorer.score(replace(sample, case=case)))


def _scores(found: Mapping[str, Measured]) -> dict[str, object]:
    return {name: measured.score for name, measured in found.items()}


def _check(scorer: Scorer, found: Mapping[str, Measured]) -> None:
    for metric in scorer.metrics:
        measured = found[metric.name]
        assert isinstance(measured.score, Scored | Unscored)
        if isinstance(measured.score, Unscored):
            assert measured.score.reason.strip()
        else:
            value = measured.score.value
            assert value >= 0, f"{metric.name} is {value}"
            assert value < float("inf")
            assert metric.kind != "share" or value <= 1, f"{metric.name} is {value}"
        canonical(measured.detail)
        json.dumps(measured.detail)
        assert measured.spent.calls >= 0
