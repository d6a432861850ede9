from __future__ import annotations

from types import SimpleNamespace

import pytest

from assay.answering.abstention import Gate, conflict, underspecified
from assay.answering.events import Question
from assay.answering.extractive import ExtractiveWriter
from assay.answering.followup import standalone
from assay.answering.writer import Written
from assay.messages import Turn
from assay.models.chat import TextDelta

pytestmark = pytest.mark.anyio

UPLOADS = "Uploads are limited to 10 MB for every user. Larger files are refused with an error."


async def test_the_better_the_evidence_the_likelier_the_answer(make: SimpleNamespace) -> None:
    question = "What are uploads limited to for every user?"
    near = await make.reading(question, make.chunk(UPLOADS))
    far = await make.reading(question, make.chunk("The moon orbits the earth in 27 days."))
    nothing = await make.reading(question)
    assert near.probability > 0.45 > far.probability
    assert nothing.probability == 0
    assert Gate().judge(near).abstained is None
    for poor in (far, nothing):
        abstained = Gate().judge(poor).abstained
        assert abstained is not None
        assert abstained.reason == "not_in_corpus"


async def test_the_best_passage_decides(make: SimpleNamespace) -> None:
    question = "What are uploads limited to for every user?"
    alone = await make.reading(question, make.chunk(UPLOADS, document="a"))
    among = await make.reading(question, make.chunk("The moon.", document="b"), make.chunk(UPLOADS, document="a"))
    assert among.probability == pytest.approx(alone.probability)


async def test_the_detail_names_what_is_missing(make: SimpleNamespace) -> None:
    found = await make.reading("How do I delete a passkey?", make.chunk(UPLOADS))
    abstained = Gate().judge(found).abstained
    assert abstained is not None
    assert "“passkey”" in abstained.detail


async def test_a_threshold_of_nought_lets_all_through_that_names_something(make: SimpleNamespace) -> None:
    far = await make.reading("What are uploads limited to?", make.chunk("The moon orbits the earth."))
    assert Gate(0.0).judge(far).abstained is None
    assert Gate(1.0).judge(far).abstained is not None


@pytest.mark.parametrize("question", ["why?", "what about it", "and how do they do that", "??"])
async def test_questions_without_content(make: SimpleNamespace, question: str) -> None:
    assert underspecified(question)
    abstained = Gate(0.0).judge(await make.reading(question, make.chunk(UPLOADS))).abstained
    assert abstained is not None
    assert abstained.reason == "underspecified"


async def test_a_bare_keyword_is_a_question() -> None:
    assert not underspecified("python")


async def test_passages_that_give_different_numbers_conflict(make: SimpleNamespace) -> None:
    question = "How many megabytes are uploads limited to?"
    texts = ("Uploads are limited to 10 megabytes per user.", "Uploads are limited to 25 megabytes per user.")
    found = await make.reading(question, *(make.chunk(t, document=t[23:25], title=f"Plan {t[23:25]}") for t in texts))
    opposed = conflict(found.evidence)
    assert opposed is not None
    abstained = Gate(0.0).judge(found).abstained
    assert abstained is not None
    assert abstained.reason == "conflicting"
    assert "Plan 10 says" in abstained.detail
    assert "Plan 25 says" in abstained.detail
    same = await make.reading(question, make.chunk(texts[0], document="a"), make.chunk(texts[0] + " So.", document="b"))
    assert conflict(same.evidence) is None
    other = await make.reading("Who limits uploads to megabytes?", *(make.chunk(t, document=t) for t in texts))
    assert conflict(other.evidence) is None


async def draft(make: SimpleNamespace, question: str, *texts: str) -> str:
    found = await make.reading(question, *(make.chunk(t, document=str(i)) for i, t in enumerate(texts)))
    events = [e async for e in ExtractiveWriter(make.words).write(Question(question), found)]
    assert isinstance(events[-1], Written)
    assert events[-1].model == "extractive"
    assert events[-1].cost == 0
    return "".join(e.text for e in events if isinstance(e, TextDelta))


async def test_the_extractive_writer_says_the_evidence_word_for_word(make: SimpleNamespace) -> None:
    text = "The moon is far.\nUploads are limited to\n10 MB for every user. Cats sleep."
    said = await draft(make, "What are uploads limited to for every user?", text)
    assert "Uploads are limited to 10 MB for every user. [1]" in said
    assert await draft(make, "What?") == ""


async def test_lists_keep_their_form(make: SimpleNamespace) -> None:
    said = await draft(make, "upload limits", "- Upload limits are ten\n- Upload limits are by user\n")
    assert said == "- Upload limits are ten [1]\n- Upload limits are by user [1]"


async def test_a_sentence_that_leans_brings_the_one_before_it(make: SimpleNamespace) -> None:
    said = await draft(
        make, "When do uploads expire after a year?", "Keys are strings. They expire after a year of uploads."
    )
    assert said.startswith("Keys are strings. [1] They expire")


HISTORY = (Turn("user", "How large may uploads be?"), Turn("assistant", "10 MB."))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("And for teams?", "How large may uploads be?\nAnd for teams?"),
        ("Can they be raised by an administrator later?", None),
        (
            "Which regions does the enterprise backup service support?",
            "Which regions does the enterprise backup service support?",
        ),
    ],
)
async def test_follow_ups(text: str, expected: str | None) -> None:
    assert standalone(Question(text, HISTORY)) == (expected or f"{HISTORY[0].text}\n{text}")
    assert standalone(Question(text)) == text
