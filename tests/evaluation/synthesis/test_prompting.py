"""What is read out of the replies that write cases."""

from __future__ import annotations

import time

import pytest

from assay.documents import Chunk
from assay.evaluation.synthesis.candidates import Candidate, Kind, Seed
from assay.evaluation.synthesis.prompting import template_of, write
from assay.testing.chat_model import ScriptedModel

pytestmark = pytest.mark.anyio

RIVER = Chunk("a:0", "a.md", 0, 0, 40, "The Alba is 100 kilometres long.", "Rivers")
ASKED, SAID = "How long is the Alba?", "100 kilometres"


async def written(reply: str, kind: Kind = "single-passage") -> Candidate | None:
    candidate, spent = await write(ScriptedModel([reply]), Seed(kind, (RIVER,)))
    assert spent.calls == 1
    return candidate


@pytest.mark.parametrize(
    "reply",
    [
        f"QUESTION: {ASKED}\nANSWER: {SAID}",
        f"**QUESTION:** {ASKED}\n\n**ANSWER:** {SAID}",
        f"Sure!\n\n> Question : *{ASKED}*\n> Answer: *{SAID}*",
        f'QUESTION: "{ASKED} "\nANSWER: "{SAID}"',
        f"```\nQUESTION: {ASKED}\nANSWER: {SAID}\n```",
        f"QUESTION:\n{ASKED}\n\nANSWER:\n{SAID}",
        f"Q: {ASKED}\nA: {SAID}",
        f"{ASKED}\n{SAID}",
        f"QUESTION: {ASKED}\nANSWER: {SAID}\nQUESTION: Where does it end?\nANSWER: In a lake.",
        f"<think>QUESTION: no?\nANSWER: no</think>QUESTION: {ASKED}\nANSWER: {SAID}",
    ],
)
async def test_what_small_models_write_is_read(reply: str) -> None:
    found = await written(reply)
    assert found is not None
    assert (found.question, found.expected) == (ASKED, SAID)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I cannot.",
        ASKED,
        f"QUESTION: {ASKED}",
        f"ANSWER: {SAID}",
        f"QUESTION:\nANSWER: {SAID}",
        "The Alba.\nIt is long.",
    ],
)
async def test_a_question_without_its_answer_is_none(reply: str) -> None:
    assert await written(reply) is None


@pytest.mark.parametrize("reply", [ASKED, f"QUESTION: {ASKED}", f"*{ASKED}*\n", f"QUESTION: {ASKED}\nANSWER: unknown"])
async def test_a_question_alone_is_enough_where_there_is_no_answer(reply: str) -> None:
    found = await written(reply, "unanswerable")
    assert found is not None
    assert (found.question, found.expected) == (ASKED, None)


@pytest.mark.parametrize("reply", ["The Alba is a river.", f"Here are some:\n{ASKED}\nWhere is it?\nWhy?"])
async def test_what_is_not_one_question_is_none(reply: str) -> None:
    assert await written(reply, "unanswerable") is None


@pytest.mark.parametrize("atom", ["\n", "* ", "QUESTION", "QUESTION:", "QUESTION: a", "_:", "Q: a    ", "ANSWER: \n"])
async def test_a_long_reply_is_read_in_time_that_grows_with_its_length(atom: str) -> None:
    started = time.process_time()
    await written(f"QUESTION: a{atom * (120_000 // len(atom))}b")
    await written(atom * (120_000 // len(atom)))
    assert time.process_time() - started < 1


@pytest.mark.parametrize("kind", ["single-passage", "multi-passage", "unanswerable"])
def test_a_prompt_says_the_form_last(kind: Kind) -> None:
    _, user = template_of(kind).render(passages="PASSAGES", link="x")
    assert user.text.index("PASSAGES") < user.text.index("QUESTION:")
    assert ("ANSWER:" in user.text) is (kind != "unanswerable")
