"""From the application's file and what is known of its traffic to a plan, or to a message that says what is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assay.digest import digest_text
from assay.errors import ConfigError
from assay.evaluation.scorers.faithfulness import FAITHFULNESS
from assay.evaluation.scoring import Metric
from assay.releases import parts
from assay.releases.project import Project
from assay.rollouts.planning.guards import Knowledge, judged_names
from assay.rollouts.planning.history import History, Past
from assay.rollouts.planning.judge_power import Power, power
from assay.rollouts.planning.planning import Planned, known, planned
from assay.rollouts.planning.scored_live import scorer_names
from assay.rollouts.traffic.plan import Guard
from assay.stores.labelled import Label
from assay.stores.labels import LabelStore
from assay.stores.traces import TraceStore
from assay.traces import ABSTAINED, COST, FIRST_SENTENCE, RELEASE, Attribute, Span

AT = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
PAID = """
[models.main]
uses = "openai:gpt-5-mini"
max_tokens = 500
[answer]
route = ["main", "local"]
"""


def project_of(folder: Path, text: str = "", name: str = "assay.toml") -> Project:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text('[app]\nname = "a"\n' + text, encoding="utf-8")
    return Project.load(folder / name)


def answers(many: int, *, cost: float | None = 0.001) -> History:
    rows = tuple(
        Past(AT - 1_000 + n, 100.0 + n, n % 10 == 0, failed=False, cost=cost, first_token=50.0) for n in range(many)
    )
    return History(rows, AT - 1_000, AT)


def plan(folder: Path, text: str = "", *, live: str | None = None, knowledge: Knowledge | None = None) -> Planned:
    candidate = project_of(folder / "new", text)
    other = project_of(folder / "old", text if live is None else live)
    return planned(candidate, other, spent={}, at=AT, knowledge=knowledge or Knowledge())


def guard_of(found: Planned, name: str) -> Guard:
    return next(guard for guard in found.plan.guards if guard.name == name)


def test_the_files_rollout_is_the_plan(tmp_path: Path) -> None:
    found = plan(
        tmp_path,
        """
        [rollout]
        stages = [0.02, 0.2, 1.0]
        alpha = 0.04
        sticky = "session"
        least_answers = 7
        least_time = "1 min"
        longest = "2 h"
        judged = 0.3
        shadow = { share = 0.2, answers = 9, time = "3 min", cost = "0.5 USD" }
        guards = { errors = { margin = 0.02, harm = 0.01 }, feedback = { margin = 0.1 } }
        """,
    )
    made = found.plan
    assert (made.stages, made.alpha, made.sticky, made.least_answers) == ((0.02, 0.2), 0.04, "session", 7)
    assert (made.least_seconds, made.longest_seconds, made.judged) == (60.0, 7_200.0, 0.3)
    assert made.shadow is not None
    assert (made.shadow.share, made.shadow.answers, made.shadow.seconds, made.shadow.cost) == (0.2, 9, 180.0, 0.5)
    assert guard_of(found, "errors") == Guard("errors", "errors", "share", 0.02, 0.01)
    assert guard_of(found, "feedback") == Guard("feedback", "feedback", "share", 0.1, 0.0, higher_is_better=True)
    assert made.gated
    assert found.allowance.quarter == "2026-Q4"


def test_no_copies_are_no_shadow(tmp_path: Path) -> None:
    assert plan(tmp_path, "[rollout]\nshadow = { answers = 0 }").plan.shadow is None


def test_a_busy_quarter_tests_promotion_harder_and_says_so(tmp_path: Path) -> None:
    candidate, live = project_of(tmp_path / "new"), project_of(tmp_path / "old")
    found = planned(candidate, live, spent={"2026-Q4": 0.46}, at=AT, knowledge=Knowledge())
    assert found.plan.promotion_alpha == found.allowance.alpha == pytest.approx(0.02)
    assert found.plan.alpha == 0.05
    assert any("promotion is tested at 0.02" in notice for notice in found.notices)


class TestCost:
    """Cost is guarded where an answer can cost anything."""

    GUARDED = PAID + "[rollout]\nguards = { errors = { margin = 0.01 }, cost = { ratio = 1.2 } }\n"

    def test_it_is_left_out_where_nothing_costs(self, tmp_path: Path) -> None:
        found = plan(tmp_path)
        assert [guard.name for guard in found.plan.guards] == ["errors", "latency_p95", "abstention"]
        assert "rollout.guards.cost is left out: no answer of the candidate can cost anything" in found.notices

    def test_its_bound_is_the_files_limit(self, tmp_path: Path) -> None:
        found = plan(tmp_path, PAID + '[limits]\ncost_per_answer = "0.03 USD"\n')
        assert guard_of(found, "cost").bound == 0.03
        assert any("0.03 USD (limits.cost_per_answer)" in notice for notice in found.notices)

    def test_else_the_price_of_the_longest_answer(self, tmp_path: Path) -> None:
        found = guard_of(plan(tmp_path, PAID), "cost")
        # gpt-5-mini: 0.25 USD for a million tokens in, 2 USD out; 6,000 + 2,000 in, 500 out.
        assert found.bound == pytest.approx(8_000 * 0.25e-6 + 500 * 2e-6, rel=0.5)
        assert (found.allowed, found.harm, found.kind) == (1.2, 1.2, "mean")

    def test_a_price_of_ones_own_counts(self, tmp_path: Path) -> None:
        text = """
        [models.own]
        uses = "openai-compatible"
        base_url = "http://localhost:1"
        model = "m"
        max_tokens = 1000
        price = { input = 1.0, output = 10.0 }
        [answer]
        route = ["own"]
        """
        assert guard_of(plan(tmp_path, text), "cost").bound == pytest.approx(8_000 * 1e-6 + 1_000 * 10e-6)

    def test_an_unknown_price_leaves_the_default_guard_out_and_refuses_a_named_one(self, tmp_path: Path) -> None:
        text = """
        [models.own]
        uses = "openai-compatible"
        base_url = "http://localhost:1"
        model = "m"
        [answer]
        route = ["own"]
        """
        found = plan(tmp_path, text)
        assert "cost" not in [guard.name for guard in found.plan.guards]
        assert any("no price is known for models.own" in notice for notice in found.notices)
        with pytest.raises(
            ConfigError, match=r"assay\.toml:\d+: rollout\.guards\.cost: no price is known for models\.own"
        ):
            plan(tmp_path, text + "[rollout.guards]\ncost = { ratio = 1.2 }\n")

    def test_from_nothing_to_something_no_ratio_holds(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"assay\.toml:\d+: .* the candidate's do: .*; leave cost out"):
            plan(tmp_path, self.GUARDED, live="")

    def test_which_stops_nobody_who_named_no_guard(self, tmp_path: Path) -> None:
        found = plan(tmp_path, PAID, live="")
        assert [guard.name for guard in found.plan.guards] == ["errors", "latency_p95", "abstention"]
        told = next(notice for notice in found.notices if "cost" in notice)
        assert told.startswith("rollout.guards.cost is left out: live's answers cost nothing")
        assert "leave cost out" not in told

    def test_it_is_a_ratio(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"guarded by a ratio: \{ ratio = 1\.2 \}"):
            plan(tmp_path, PAID + "[rollout]\nguards = { cost = { margin = 0.01 } }\n")


class TestTimes:
    """Latency: quantiles and means."""

    def test_historys_quantile_is_frozen_where_there_is_enough_of_it(self, tmp_path: Path) -> None:
        found = plan(tmp_path, knowledge=Knowledge(answers(400)))
        assert guard_of(found, "latency_p95").frozen == 479.0
        assert guard_of(plan(tmp_path, knowledge=Knowledge(answers(199))), "latency_p95").frozen is None

    def test_any_quantile_of_both_times(self, tmp_path: Path) -> None:
        text = "[rollout]\nguards = { first_token_p50 = { ratio = 1.5 }, latency_p99 = { ratio = 2.0, harm = 3.0 } }\n"
        found = plan(tmp_path, text, knowledge=Knowledge(answers(400)))
        first, last = found.plan.guards[:2]
        assert (first.metric, first.quantile, first.frozen) == ("first_token", 0.5, 50.0)
        assert (last.metric, last.quantile, last.frozen, last.harm) == ("latency", 0.99, None, 3.0)

    def test_a_mean_needs_history_for_its_bound(self, tmp_path: Path) -> None:
        text = "[rollout]\nguards = { latency = { ratio = 1.5 } }\n"
        assert guard_of(plan(tmp_path, text, knowledge=Knowledge(answers(3))), "latency").bound == 20 * 101.0
        with pytest.raises(ConfigError, match="or guard latency_p95, which needs none"):
            plan(tmp_path, text)


class TestJudged:
    """Guards that need a scorer."""

    TEXT = "[rollout]\nguards = { faithfulness = { margin = 0.04 } }\n"

    def test_a_metric_that_live_answers_can_be_scored_by(self, tmp_path: Path) -> None:
        found = plan(tmp_path, self.TEXT, knowledge=Knowledge(metrics=(FAITHFULNESS,)))
        guard = guard_of(found, "faithfulness")
        assert guard == Guard("faithfulness", "faithfulness", "share", 0.04, 0.0, higher_is_better=True, judged=True)

    def test_labels_translate_the_margin(self, tmp_path: Path) -> None:
        judge = Power(good=0.9, bad=0.2, goods=60, bads=40, low=0.5)
        found = plan(tmp_path, self.TEXT, knowledge=Knowledge(metrics=(FAITHFULNESS,), powers={"faithfulness": judge}))
        guard = guard_of(found, "faithfulness")
        assert (guard.judge_power, guard.judged_good, guard.judged_bad, guard.allowed) == (0.5, 0.9, 0.2, 0.04)
        assert any("by 100 labels the judge sees at least 0.50 of a difference" in notice for notice in found.notices)

    def test_without_labels_it_is_said_to_be_the_judges_word(self, tmp_path: Path) -> None:
        knowledge = Knowledge(metrics=(FAITHFULNESS,), powers={"faithfulness": "nobody has labelled what it said"})
        assert any(
            "the judge's word alone" in notice for notice in plan(tmp_path, self.TEXT, knowledge=knowledge).notices
        )

    def test_a_judge_that_tells_nothing_apart_is_no_guard(self, tmp_path: Path) -> None:
        judge = Power(good=0.6, bad=0.5, goods=60, bads=40, low=-0.02)
        with pytest.raises(ConfigError, match=r"it may see as little as 0\.00 of a difference"):
            plan(tmp_path, self.TEXT, knowledge=Knowledge(metrics=(FAITHFULNESS,), powers={"faithfulness": judge}))

    def test_a_metric_that_needs_a_reference_says_which(self, tmp_path: Path) -> None:
        with pytest.raises(
            ConfigError, match=r"assay\.toml:4: rollout\.guards\.correctness: .* needs an expected answer"
        ):
            plan(tmp_path, "[rollout]\nguards = { correctness = { margin = 0.04 } }\n")

    def test_a_mistyped_name_gets_the_nearest(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r'rollout\.guards\.abstentions: .* did you mean "abstention"'):
            plan(tmp_path, "[rollout]\nguards = { abstentions = { margin = 0.04 } }\n")

    def test_a_plugins_share_is_taken_and_another_quantity_is_not(self, tmp_path: Path) -> None:
        text = "[rollout]\nguards = { politeness = { margin = 0.04 } }\n"
        rude = Metric("politeness", higher_is_better=False)
        found = guard_of(plan(tmp_path, text, knowledge=Knowledge(metrics=(rude,))), "politeness")
        assert found.judged
        assert not found.higher_is_better
        with pytest.raises(ConfigError, match="nothing measures politeness on live answers"):
            plan(tmp_path, text, knowledge=Knowledge(metrics=(replace(rude, kind="count"),)))

    def test_who_scores_them(self, tmp_path: Path) -> None:
        project = project_of(tmp_path, '[evaluation]\nscorers = ["faithfulness", "mine"]\n')
        guards = [
            Guard(name, name, "share", 0.1, 0.0, judged=name != "errors")
            for name in ("errors", "citation_recall", "citation_precision", "faithfulness", "politeness")
        ]
        assert scorer_names(guards, project.manifest) == ("citations", "faithfulness", "mine")
        assert judged_names(["errors", "latency_p95", "cost", "feedback", "relevance"]) == ("relevance",)


def test_a_share_is_guarded_by_a_margin(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"rollout\.guards\.errors: .* \{ margin = 0\.02 \}"):
        plan(tmp_path, "[rollout]\nguards = { errors = { ratio = 1.2 } }\n")


def test_no_guard_that_is_left_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no guard is left"):
        plan(tmp_path, "[rollout]\nguards = { cost = { ratio = 1.2 } }\n")


class TestPower:
    """What labels tell of a judge."""

    @staticmethod
    def _labels(good: list[float], bad: list[float], *, probability: float | None = None) -> list[Label]:
        said = [(1.0, judged) for judged in good] + [(0.0, judged) for judged in bad]
        return [
            replace(
                Label(f"l{n}", "faithfulness", digest_text(f"i{n}"), digest_text("c"), "ann", people, 0.0),
                judged=judged,
                scorer="s",
                probability=probability,
            )
            for n, (people, judged) in enumerate(said)
        ]

    def test_it_is_the_difference_of_means_with_a_lower_bound(self) -> None:
        found = power(self._labels([1.0] * 36 + [0.0] * 4, [0.0] * 24 + [1.0] * 6), "faithfulness", "s")
        assert isinstance(found, Power)
        assert (found.good, found.bad, found.goods, found.bads) == (0.9, 0.2, 40, 30)
        assert 0.45 < found.low < 0.6

    def test_a_judge_that_gives_probabilities_has_one_too(self) -> None:
        found = power(self._labels([0.8, 0.9] * 20, [0.3, 0.5] * 20), "faithfulness", "s")
        assert isinstance(found, Power)
        assert found.good - found.bad == pytest.approx(0.45)
        assert found.low < 0.45

    def test_few_labels_of_a_kind_say_nothing(self) -> None:
        assert power(self._labels([1.0] * 40, [0.0] * 9), "faithfulness", "s") == (
            "people call 40 labelled answers good and 9 bad; 10 of each are needed"
        )

    def test_labels_of_another_scorer_or_chosen_by_the_verdict_do_not_count(self) -> None:
        labels = self._labels([1.0] * 40, [0.0] * 40)
        assert isinstance(power(labels, "faithfulness", "another"), str)
        assert isinstance(power(self._labels([1.0] * 40, [0.0] * 40, probability=0.1), "faithfulness", "s"), str)

    def test_several_raters_of_an_answer_are_one(self) -> None:
        labels = self._labels([1.0] * 20, [0.0] * 20)
        second = [replace(label, id=f"x{label.id}", rater="ben") for label in labels]
        assert power(labels, "faithfulness", "s") == power(labels + second, "faithfulness", "s")


class TestKnown:
    """What the application's records say."""

    def test_live_answers_of_the_last_days(self, tmp_path: Path) -> None:
        project = project_of(tmp_path, "[rollout]\nguards = { first_token_p95 = { ratio = 1.2 } }\n")
        database = parts.database(project)
        try:
            rows = []
            for n in range(5):
                start = int((AT - 3_600 + 60 * n) * 1e9)
                attributes: dict[str, Attribute] = {RELEASE: "a" * 64, COST: 0.002, FIRST_SENTENCE: 40.0 + n}
                if n == 1:
                    attributes[ABSTAINED] = "not in the corpus"
                failed = "Boom: no" if n == 2 else None
                rows.append(
                    (f"{n:032x}", Span(f"{n:016x}", None, "answer", start, start + 500_000_000, attributes, failed))
                )
            old = int((AT - 30 * 86_400) * 1e9)
            rows.append(("f" * 32, Span("f" * 16, None, "answer", old, old + 1, {RELEASE: "a" * 64})))
            other = int((AT - 60) * 1e9)
            rows.append(("e" * 32, Span("e" * 16, None, "answer", other, other + 1, {RELEASE: "b" * 64})))
            TraceStore(database).write(rows)
            found = known(project, database, "a" * 64, at=AT)
        finally:
            database.close()
        history = found.history
        assert len(history.answers) == 5
        assert history.since == AT - 3_600
        assert history.of("errors") == [0, 0, 1, 0, 0]
        assert history.of("abstention") == [0, 1, 0, 0]
        assert history.of("latency") == [500.0] * 4
        assert history.of("first_token") == [40.0, 41.0, 43.0, 44.0]
        assert history.of("cost") == [0.002] * 5
        assert found.judge_cost == 0

    def test_the_judge_of_a_judged_guard_with_its_labels(self, tmp_path: Path) -> None:
        project = project_of(
            tmp_path, "[rollout]\nguards = { faithfulness = { margin = 0.05 }, context_precision = { margin = 0.1 } }\n"
        )
        database = parts.database(project)
        try:
            first = known(project, database, "a" * 64, at=AT)
            assert [metric.name for metric in first.metrics] == ["faithfulness"], "the offline judge judges no passage"
            assert first.powers == {"faithfulness": "nobody has labelled what this judge said"}
            from assay.releases.measuring.evaluating import scorers_of

            identity = scorers_of(project, database, ["faithfulness"], None)[0].identity
            store = LabelStore(database)
            for label in TestPower._labels([1.0] * 20, [0.0] * 20):
                store.add(replace(label, scorer=identity))
            second = known(project, database, "a" * 64, at=AT)
        finally:
            database.close()
        assert isinstance(second.powers["faithfulness"], Power)
        with pytest.raises(ConfigError, match="nothing measures context_precision"):
            planned(project, project, spent={}, at=AT, knowledge=second)
