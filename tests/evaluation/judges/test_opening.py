from __future__ import annotations

from pathlib import Path

import pytest
from tests.evaluation.judges.values import value

from assay.errors import InputError
from assay.evaluation.judges.forms import Scale
from assay.evaluation.judges.llm import Decoding
from assay.evaluation.judges.opening import Bench
from assay.evaluation.judges.rubrics import Rubric
from assay.evaluation.judging import Item
from assay.scores import Scored
from assay.stores.database import Database
from assay.stores.verdicts import VerdictStore
from assay.testing.chat_model import ScriptedModel
from assay.testing.judge import ScriptedJudge

pytestmark = pytest.mark.anyio

YES, NO = '{"verdict": "yes"}', '{"verdict": "no"}'
ITEM = Item("claim", {"contexts": "a", "claim": "b"})


def bench(offline: float = 0.5) -> Bench:
    models = {"main": ScriptedModel([YES], identity="main"), "small": ScriptedModel([NO], identity="small")}
    third = ScriptedModel([YES], identity="third")
    return Bench({**models, "third": third}, offline=lambda: ScriptedJudge(offline, identity="offline"))


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("offline", 0.5),
        ("main", 1.0),
        (" small ", 0.0),
        ("claims:main", 1.0),
        ("panel:main,small", 0.5),
        ("panel: main, small, offline", 0.5),
        ("majority:main,small,third", 1.0),
        ("cascade:offline,small", 0.0),
        ("cascade:offline,small@0.6-0.9", 0.5),
    ],
)
async def test_a_name_opens_its_judge(name: str, score: float) -> None:
    assert (await bench().open(name).judge(ITEM)).score == Scored(score)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mian", "no judge 'mian'; did you mean 'main'"),
        ("ofline", "did you mean 'offline'"),
        ("xyz", "known: offline, main, small, third"),
        ("pannel:main,small", "did you mean 'panel'"),
        ("panel:main,smal", "did you mean 'small'"),
        ("panel:main", "at least two"),
        ("panel:main,main", "twice"),
        ("panel:main,small@0.1-0.2", "only a cascade"),
        ("cascade:main", "two judges"),
        ("cascade:offline,main,small", "two judges"),
        ("cascade:offline,main@half", "is no band"),
        ("cascade:offline,main@0.9-0.1", "low end first"),
        ("", "no judge ''"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        bench().open(name)


def test_bands_and_settings_are_in_the_identity() -> None:
    names = ["main", "claims:main", "panel:main,small", "majority:main,small", "cascade:offline,main"]
    names.append("cascade:offline,main@0.1-0.9")
    assert len({bench().open(name).identity for name in names}) == len(names)
    main = bench().models
    assert Bench(main, revisions={"main": "2"}).open("main").identity != Bench(main).open("main").identity
    assert Bench(main, decoding=Decoding(seed=3)).open("main").identity != Bench(main).open("main").identity


async def test_verdicts_are_kept_by_each_judge_of_a_panel(tmp_path: Path) -> None:
    models = {"main": ScriptedModel([YES], identity="main"), "small": ScriptedModel([NO], identity="small")}
    made = Bench(models, verdicts=VerdictStore(Database.at(tmp_path / "v.db")))
    first = await made.open("panel:main,small").judge(ITEM)
    again = await made.open("panel:main,small").judge(ITEM)
    alone = await made.open("main").judge(ITEM)
    assert (first.spent.calls, again.spent.calls, again.spent.reused, alone.spent.reused) == (2, 0, 2, 1)
    assert again.score == first.score


async def test_a_model_compares_in_both_orders(tmp_path: Path) -> None:
    model = ScriptedModel(['{"verdict": "A"}'], identity="main")
    judge = Bench({"main": model}, verdicts=VerdictStore(Database.at(tmp_path / "v.db"))).open("main")
    verdict = await judge.judge(Item("pairwise", {"criterion": "brevity", "a": "x", "b": "y"}))
    assert verdict.score == Scored(0.5)
    assert verdict.detail["flip"] is True
    back = await judge.judge(Item("pairwise", {"criterion": "brevity", "a": "y", "b": "x"}))
    assert back.spent.reused == 2
    assert len(model.requests) == 2


async def test_users_rubrics_reach_the_models() -> None:
    rubric = Rubric("politeness", ("answer",), "Rate it.", Scale(0, 10))
    judge = Bench({"main": ScriptedModel(['{"score": 7}'])}, rubrics=(rubric,)).open("main")
    assert value((await judge.judge(Item("politeness", {"answer": "Hello."}))).score) == pytest.approx(0.7)


def test_opening_a_model_does_not_load_the_offline_judge() -> None:
    def never() -> ScriptedJudge:
        raise AssertionError

    assert Bench({"main": ScriptedModel([YES])}, offline=never).open("main").rubrics
