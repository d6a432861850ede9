from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import InputError, ModelUnavailable, RateLimited, StoreError
from assay.evaluation.judges import llm, rendering
from assay.evaluation.judges.forms import Scale, Verdicts
from assay.evaluation.judges.kept import KeptJudge, decoded, encoded, key_of
from assay.evaluation.judges.llm import Decoding, LlmJudge
from assay.evaluation.judges.rubrics import Rubric, shipped
from assay.evaluation.judging import Item, Verdict
from assay.evaluation.scoring import Spent
from assay.models.chat import Request
from assay.scores import Score, Scored, Unscored
from assay.stores.database import Database
from assay.stores.verdicts import VerdictStore
from assay.testing.chat_model import ScriptedModel
from assay.testing.judge import ScriptedJudge

pytestmark = pytest.mark.anyio

ITEM = Item("claim", {"contexts": "A hotel costs 140 euros.", "claim": "It costs 140 euros."})
YES = '{"reason": "stated", "verdict": "yes", "score": 1}'


class Memory:
    """A store of verdicts in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[str, Mapping[str, Any]] = {}

    def get(self, key: str) -> Mapping[str, Any] | None:
        return self.rows.get(key)

    def put(self, key: str, judge: str, rubric: str, verdict: Mapping[str, Any]) -> None:
        self.rows.setdefault(key, verdict)


async def test_what_was_judged_is_not_judged_again(tmp_path: Path) -> None:
    model = ScriptedModel([YES])
    path = tmp_path / "state.db"
    first = await KeptJudge(LlmJudge(model), VerdictStore(Database.at(path))).judge(ITEM)
    second = await KeptJudge(LlmJudge(model), VerdictStore(Database.at(path))).judge(ITEM)
    assert len(model.requests) == 1
    assert first.spent.calls == 1
    assert second.spent == Spent(reused=1)
    assert second == replace(first, spent=Spent(reused=1))


RUBRIC = Rubric("claim", ("contexts", "claim"), "Judge the claim.", Verdicts(), optional=("question",))


def judge(
    *, model: str = "m", revision: str = "1", decoding: Decoding | None = None, rubric: Rubric = RUBRIC
) -> LlmJudge:
    return LlmJudge(
        ScriptedModel([YES], identity=model), revision=revision, decoding=decoding or Decoding(), rubrics=[rubric]
    )


def _mutations() -> Iterator[tuple[str, LlmJudge, Item]]:
    yield "model", judge(model="other"), ITEM
    yield "revision of the model", judge(revision="2"), ITEM
    yield "temperature", judge(decoding=Decoding(temperature=0.1)), ITEM
    yield "temperature of the provider", judge(decoding=Decoding(temperature=None)), ITEM
    yield "max_tokens", judge(decoding=Decoding(max_tokens=2049)), ITEM
    yield "seed", judge(decoding=Decoding(seed=1)), ITEM
    yield "stop", judge(decoding=Decoding(stop=("\n",))), ITEM
    yield "options", judge(decoding=Decoding(options={"top_p": 0.9})), ITEM
    yield "instructions", judge(rubric=replace(RUBRIC, instructions="Judge the claim!")), ITEM
    yield "form of the reply", judge(rubric=replace(RUBRIC, form=Scale(0, 1))), ITEM
    yield "order of the verdicts", judge(rubric=replace(RUBRIC, form=Verdicts({"no": 0.0, "yes": 1.0}))), ITEM
    yield "value of a verdict", judge(rubric=replace(RUBRIC, form=Verdicts({"yes": 1.0, "no": 0.1}))), ITEM
    yield "version of the rubric", judge(rubric=replace(RUBRIC, version="2")), ITEM
    yield "order of the fields", judge(rubric=replace(RUBRIC, fields=("claim", "contexts", "question"))), ITEM
    yield "repeat", judge(), replace(ITEM, repeat=1)
    yield "passages", judge(), Item("claim", {**ITEM.fields, "contexts": "A hotel costs 141 euros."})
    yield (
        "white space that the prompt does not show",
        judge(),
        Item("claim", {**ITEM.fields, "claim": "It costs 140 euros. "}),
    )
    yield "claim", judge(), Item("claim", {**ITEM.fields, "claim": "It costs 141 euros."})
    yield "a further field", judge(), Item("claim", {**ITEM.fields, "question": "How much?"})
    swapped = {"contexts": ITEM.fields["claim"], "claim": ITEM.fields["contexts"]}
    yield "fields exchanged", judge(), Item("claim", swapped)


MUTATIONS = list(_mutations())


@pytest.mark.parametrize(("changed", "item"), [m[1:] for m in MUTATIONS], ids=[m[0] for m in MUTATIONS])
async def test_a_change_of_anything_is_a_miss(changed: LlmJudge, item: Item) -> None:
    store = Memory()
    await KeptJudge(judge(), store).judge(ITEM)
    again = await KeptJudge(judge(), store).judge(ITEM)
    assert again.spent == Spent(reused=1)
    verdict = await KeptJudge(changed, store).judge(item)
    assert verdict.spent.reused == 0
    assert len(store.rows) == 2


@pytest.mark.parametrize("what", ["parser", "code", "data notice", "request"])
async def test_a_change_of_the_code_is_a_miss(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Memory()
    await KeptJudge(judge(), store).judge(ITEM)
    if what == "parser":
        monkeypatch.setattr(llm, "PARSER_REVISION", 99)
    elif what == "code":
        monkeypatch.setattr(llm, "code_revision", lambda: "f" * 64)
    elif what == "data notice":
        monkeypatch.setattr(rendering, "_DATA", "Texts stand between {fence}.")
    else:
        monkeypatch.setattr(rendering, "ask", lambda rubric: "Judge now.")
    assert (await KeptJudge(judge(), store).judge(ITEM)).spent.reused == 0


async def test_a_change_of_another_rubric_is_a_hit() -> None:
    store = Memory()
    await KeptJudge(judge(), store).judge(ITEM)
    more = LlmJudge(
        ScriptedModel([YES], identity="m"),
        revision="1",
        rubrics=[RUBRIC, replace(shipped()["relevance"], instructions="Else.")],
    )
    assert more.identity != judge().identity
    assert (await KeptJudge(more, store).judge(ITEM)).spent == Spent(reused=1)


FIELDS = st.fixed_dictionaries({"contexts": st.text(max_size=20), "claim": st.text(max_size=20)})


@given(FIELDS, FIELDS, st.integers(0, 3), st.integers(0, 3))
def test_two_items_share_a_key_only_if_they_are_one(
    one: dict[str, str], other: dict[str, str], repeat: int, again: int
) -> None:
    same = (one, repeat) == (other, again)
    for by in (judge(), ScriptedJudge(1.0)):
        keys = [key_of(by, Item("claim", fields, n)) for fields, n in ((one, repeat), (other, again))]
        assert (keys[0] == keys[1]) is same


def test_a_judge_that_is_not_a_models_is_known_by_its_identity() -> None:
    one, other = ScriptedJudge(1.0, identity="a"), ScriptedJudge(1.0, identity="b")
    assert key_of(one, ITEM) == key_of(ScriptedJudge(0.0, identity="a"), ITEM)
    assert key_of(one, ITEM) != key_of(other, ITEM)
    assert KeptJudge(one, Memory()).identity == "a"
    assert KeptJudge(one, Memory()).rubrics == one.rubrics


async def test_items_judged_at_once_are_judged_once() -> None:
    model, gate = ScriptedModel([YES]), anyio.Event()
    inner = LlmJudge(model)

    class Slow(LlmJudge):
        async def judge(self, item: Item) -> Verdict:
            await gate.wait()
            return await inner.judge(item)

    judge = KeptJudge(Slow(model), Memory())
    verdicts: list[Verdict] = []

    async def run() -> None:
        verdicts.append(await judge.judge(ITEM))

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(run)
        await anyio.wait_all_tasks_blocked()
        gate.set()
    assert len(model.requests) == 1
    assert sorted(v.spent.reused for v in verdicts) == [0] + [1] * 19
    assert sum((v.spent for v in verdicts), Spent()).calls == 1


async def test_a_judgement_that_is_given_up_is_taken_over() -> None:
    waiting = anyio.Event()
    asked = 0

    class Stuck(ScriptedJudge):
        async def judge(self, item: Item) -> Verdict:
            nonlocal asked
            asked += 1
            if asked == 1:
                waiting.set()
                await anyio.sleep_forever()
            return Verdict(Scored(1.0))

    judge = KeptJudge(Stuck(1.0), Memory())
    verdicts: list[Verdict] = []

    async def run() -> None:
        verdicts.append(await judge.judge(ITEM))

    async with anyio.create_task_group() as tasks:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as given_up:
                given_up.start_soon(run)
                await waiting.wait()
                tasks.start_soon(run)
                await anyio.wait_all_tasks_blocked()
                scope.cancel()
    assert asked == 2
    assert [v.score for v in verdicts] == [Scored(1.0)]


@pytest.mark.parametrize("error", [RateLimited("slow", model="m"), ModelUnavailable("down", model="m")])
async def test_a_failure_is_not_kept(error: Exception) -> None:
    says: list[float | Exception] = [error, 1.0]
    judge = KeptJudge(ScriptedJudge(lambda item: says.pop(0)), Memory())
    with pytest.raises(type(error)):
        await judge.judge(ITEM)
    assert (await judge.judge(ITEM)).score == Scored(1.0)


async def test_a_verdict_that_lacks_a_judge_is_not_kept() -> None:
    store = Memory()
    said = Verdict(Scored(1.0), detail={"failed": {"b": "down"}})
    await KeptJudge(ScriptedJudge(said), store).judge(ITEM)
    assert store.rows == {}


async def test_no_score_is_a_verdict_too() -> None:
    inner = ScriptedJudge(Unscored("no claim"))
    judge = KeptJudge(inner, Memory())
    assert (await judge.judge(ITEM)).score == (await judge.judge(ITEM)).score == Unscored("no claim")
    assert len(inner.items) == 1


async def test_what_cannot_be_kept_is_said() -> None:
    with pytest.raises(InputError, match="cannot be kept"):
        await KeptJudge(ScriptedJudge(Verdict(Scored(1.0), detail={"x": object()})), Memory()).judge(ITEM)


SCORES: st.SearchStrategy[Score] = st.builds(Scored, st.floats(0, 1)) | st.builds(Unscored, st.text(max_size=9))
DETAILS = st.dictionaries(
    st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.floats(0, 1), max_size=3)
)
SPENT = st.builds(
    Spent,
    calls=st.integers(0, 9),
    input_tokens=st.integers(0, 9),
    output_tokens=st.integers(0, 9),
    cost=st.none() | st.floats(0, 9),
    reused=st.integers(0, 9),
)


@given(st.builds(Verdict, SCORES, st.text(), DETAILS, st.none() | st.floats(0, 1), SPENT))
def test_a_verdict_survives_being_kept(verdict: Verdict) -> None:
    assert decoded(encoded(verdict)) == verdict


@pytest.mark.parametrize("damaged", [{}, {"score": 1}, {**encoded(Verdict(Scored(1.0))), "spent": {"x": 1}}])
def test_a_damaged_verdict_is_named(damaged: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match="damaged"):
        decoded(damaged)


async def test_a_store_is_asked_off_the_loop() -> None:
    import threading

    threads: set[int] = set()

    class Watching(Memory):
        def get(self, key: str) -> Mapping[str, Any] | None:
            threads.add(threading.get_ident())
            return super().get(key)

    def said(request: Request) -> str:
        return YES

    await KeptJudge(LlmJudge(ScriptedModel(said)), Watching()).judge(ITEM)
    assert threading.get_ident() not in threads
