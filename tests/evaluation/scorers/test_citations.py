from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.evaluation.scorers.building import HOLIDAYS, HOTEL, TRAINS, cite, reason, sample, value

from assay.evaluation.judging import Item, Verdict
from assay.evaluation.scorers.citations import Citations
from assay.evaluation.scoring import Measured
from assay.scores import Unscored
from assay.testing.judge import Says, ScriptedJudge

pytestmark = pytest.mark.anyio

ONE = "A hotel may cost up to 140 euros a night."
TWO = "Trains are booked in second class."
BOTH = f"{ONE} {TWO}"


def entailing(rule: Callable[[str, str], bool]) -> ScriptedJudge:
    def judged(item: Item) -> Says:
        return float(rule(item.fields["claim"], item.fields["contexts"]))

    return ScriptedJudge(judged, rubrics=frozenset({"claim"}))


def figures(found: dict[str, Measured]) -> tuple[float, ...]:
    return tuple(value(measured.score) for measured in found.values())


async def scored(asked: object, judge: ScriptedJudge | None = None) -> dict[str, Measured]:
    return dict(await Citations(judge).score(asked))  # type: ignore[arg-type]


async def test_sentences_with_their_own_quotes_are_perfect_lexically() -> None:
    asked = sample(BOTH, passages=(HOTEL, TRAINS), citations=(cite(HOTEL, ONE), cite(TRAINS, TWO)))
    assert figures(await scored(asked)) == (1.0, 1.0, 1.0)


async def test_a_sentence_without_a_citation_is_not_recalled() -> None:
    found = await scored(sample(BOTH, passages=(HOTEL, TRAINS), citations=(cite(HOTEL, ONE),)))
    assert figures(found) == (0.5, 1.0, 1.0)
    assert [row["recalled"] for row in found["citation_recall"].detail["sentences"]] == [True, False]


async def test_the_wrong_passage_supports_nothing() -> None:
    asked = sample(ONE, passages=(HOTEL, HOLIDAYS), citations=(cite(HOLIDAYS, ONE),))
    assert figures(await scored(asked)) == (0.0, 0.0, 1.0)


async def test_a_citation_that_adds_nothing_is_not_precise() -> None:
    asked = sample(ONE, passages=(HOTEL, TRAINS), citations=(cite(HOTEL, ONE), cite(TRAINS, ONE)))
    assert figures(await scored(asked)) == (1.0, 0.5, 1.0)


async def test_two_that_only_support_together_are_both_precise() -> None:
    judge = entailing(lambda claim, contexts: "hotel" in contexts and "Trains" in contexts)
    asked = sample(ONE, passages=(HOTEL, TRAINS), citations=(cite(HOTEL, ONE), cite(TRAINS, ONE)))
    assert figures(await scored(asked, judge)) == (1.0, 1.0, 1.0)


async def test_two_that_each_support_alone_are_both_precise() -> None:
    asked = sample(ONE, passages=(HOTEL, TRAINS), citations=(cite(HOTEL, ONE), cite(TRAINS, ONE)))
    assert figures(await scored(asked, entailing(lambda claim, contexts: True))) == (1.0, 1.0, 1.0)


async def test_a_quote_that_is_not_there_does_not_resolve() -> None:
    invented = cite(HOTEL, ONE, "A hotel may cost up to 999 euros")
    elsewhere = cite(HOTEL, ONE, "A hotel may")
    moved = type(elsewhere)(
        **{name: getattr(elsewhere, name) for name in elsewhere.__slots__} | {"start": 1, "end": 12}
    )
    for citation in (invented, moved):
        judge = entailing(lambda claim, contexts: True)
        found = await scored(sample(ONE, passages=(HOTEL,), citations=(citation,)), judge)
        assert figures(found) == (0.0, 0.0, 0.0)
        assert not judge.items, "what does not resolve is shown to no judge"


async def test_a_citation_of_no_sentence_is_astray() -> None:
    stray = cite(TRAINS, "The answer never says this.")
    found = await scored(sample(ONE, passages=(HOTEL, TRAINS), citations=(cite(HOTEL, ONE), stray)))
    assert figures(found) == (1.0, 0.5, 1.0)
    assert len(found["citation_precision"].detail["astray"]) == 1


async def test_lead_ins_need_no_citation() -> None:
    asked = sample(f"Here is what the passages say:\n\n{ONE}", passages=(HOTEL,), citations=(cite(HOTEL, ONE),))
    assert value((await scored(asked))["citation_recall"].score) == 1.0


async def test_nothing_cited_has_a_recall_of_0_and_no_precision() -> None:
    found = await scored(sample(ONE, passages=(HOTEL,)))
    assert value(found["citation_recall"].score) == 0.0
    assert "nothing is cited" in reason(found["citation_precision"].score)
    assert "nothing is cited" in reason(found["citation_resolves"].score)


async def test_without_passages_quotes_are_taken_at_their_word() -> None:
    found = await scored(sample(ONE, citations=(cite(HOTEL, ONE),)))
    assert value(found["citation_recall"].score) == value(found["citation_precision"].score) == 1.0
    assert "not known" in reason(found["citation_resolves"].score)


async def test_abstentions_and_judges_that_cannot_tell_are_unscored() -> None:
    assert all(reason(m.score) == "abstained" for m in (await scored(sample("", abstained="x"))).values())
    judge = ScriptedJudge({"claim": Verdict(Unscored("cut off"))})
    asked = sample(BOTH, passages=(HOTEL, TRAINS), citations=(cite(HOTEL, ONE), cite(TRAINS, TWO)))
    assert all("cut off" in reason(m.score) for m in (await scored(asked, judge)).values())
    assert len(judge.items) == 1


async def test_which_check_is_used_is_part_of_the_identity() -> None:
    assert Citations().identity == Citations(ScriptedJudge({"faithfulness": 1.0})).identity
    assert Citations().identity != Citations(ScriptedJudge({"claim": 1.0})).identity
