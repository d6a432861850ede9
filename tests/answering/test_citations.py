from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.answering.citations import Checker, Unsupported
from assay.answering.events import Sentence
from assay.answering.framing import frames
from assay.answering.reading import Reading
from assay.answering.verification import Verifier
from assay.language.refusals import refuses
from assay.language.segments import Unit

UPLOADS = "Intro words here. Uploads are limited to 10 MB for every user. Larger files are refused with an error."
KEYS = "Keys expire after a year.\n\n```sh\nassay keys rotate --all\n```\n\nA warning is mailed one week ahead."

pytestmark = pytest.mark.anyio


@pytest.fixture
async def evidence(make: SimpleNamespace) -> Reading:
    found: Reading = await make.reading(
        "What is the upload limit?",
        make.chunk(UPLOADS, document="uploads.md", start=100, title="Uploads"),
        make.chunk(KEYS, document="keys.md", start=7, title="Keys"),
    )
    return found


def check(evidence: Reading, *deltas: str, unsupported: Unsupported = "withhold") -> tuple[list[Sentence], Checker]:
    checker = Checker(Verifier(evidence), unsupported=unsupported)
    shown = [sentence for delta in deltas for sentence in checker.feed(delta)]
    return [*shown, *checker.close()], checker


def resolves(sentence: Sentence) -> bool:
    texts = {"uploads.md": (100, UPLOADS), "keys.md": (7, KEYS)}
    for citation in sentence.citations:
        start, text = texts[citation.document]
        if text[citation.start - start : citation.end - start] != citation.quote or not citation.quote:
            return False
        if citation.sentence != sentence.text.strip():
            return False
    return True


async def test_a_true_citation_is_shown_with_its_span(evidence: Reading) -> None:
    shown, _ = check(evidence, "Uploads are limited to 10 MB [1]. Keys expire after a year [2].")
    assert [s.text for s in shown] == ["Uploads are limited to 10 MB.", " Keys expire after a year."]
    assert [s.number for s in shown] == [0, 1]
    assert [[c.quote for c in s.citations] for s in shown] == [
        ["Uploads are limited to 10 MB for every user."],
        ["Keys expire after a year."],
    ]
    assert shown[0].citations[0].chunk == f"uploads.md:100-{100 + len(UPLOADS)}"
    assert all(map(resolves, shown))


async def test_a_wrong_marker_is_replaced_by_the_passage_that_supports(evidence: Reading) -> None:
    shown, checker = check(evidence, "Keys expire after a year [1]. Uploads are limited to 10 MB [9].")
    assert [s.citations[0].document for s in shown] == ["keys.md", "uploads.md"]
    assert [(c.named, c.cited) for c in checker.checks] == [((1,), (2,)), ((9,), (1,))]


async def test_a_sentence_without_marker_needs_support_too(evidence: Reading) -> None:
    shown, checker = check(evidence, "Uploads are limited to 10 MB. The office is in Rome.")
    assert [s.text for s in shown] == ["Uploads are limited to 10 MB."]
    assert [(c.outcome, c.shown) for c in checker.checks] == [("supported", True), ("unsupported", False)]


async def test_of_several_markers_only_those_that_hold_are_kept(evidence: Reading) -> None:
    shown, _ = check(evidence, "Larger files are refused [2][1].")
    assert [c.document for c in shown[0].citations] == ["uploads.md"]


async def test_an_altered_number_or_a_turned_negation_is_withheld(evidence: Reading) -> None:
    shown, _ = check(evidence, "Uploads are limited to 25 MB [1]. Keys never expire after a year [2].")
    assert shown == []


async def test_unsupported_sentences_are_marked_where_the_application_says_so(evidence: Reading) -> None:
    text = "Rome is big. Uploads are limited to 10 MB [1]. Rome is old."
    shown, checker = check(evidence, text, unsupported="mark")
    assert [(s.text, s.supported) for s in shown] == [
        ("Rome is big.", False),
        (" Uploads are limited to 10 MB.", True),
        (" Rome is old.", False),
    ]
    assert all(check.shown for check in checker.checks)


async def test_marking_shows_nothing_before_something_is_supported(evidence: Reading) -> None:
    shown, checker = check(evidence, "Rome is big. Rome is old.", unsupported="mark")
    assert shown == []
    assert not any(check.shown for check in checker.checks)


@pytest.mark.parametrize("unsupported", ["withhold", "mark"])
async def test_what_was_said_is_not_said_again(evidence: Reading, unsupported: Unsupported) -> None:
    text = "Uploads are limited to 10 MB [1]. Rome is old. " * 3
    shown, checker = check(evidence, text, unsupported=unsupported)
    assert [s.text.strip() for s in shown if s.supported] == ["Uploads are limited to 10 MB."]
    assert len(shown) == (2 if unsupported == "mark" else 1)
    assert [check.outcome for check in checker.checks][2:] == ["repeated"] * 4


async def test_the_question_again_is_no_part_of_an_answer(evidence: Reading) -> None:
    shown, _ = check(evidence, f"Uploads are limited to 10 MB [1].\n\nQuestion: {evidence.question}")
    assert [s.text for s in shown] == ["Uploads are limited to 10 MB."]


@pytest.mark.parametrize(
    ("last", "whole"), [("Larger files are refused", False), ("Larger files are refused. [1]", True)]
)
async def test_a_sentence_that_the_limit_cut_is_not_shown(evidence: Reading, last: str, *, whole: bool) -> None:
    checker = Checker(Verifier(evidence))
    shown = [*checker.feed(f"Uploads are limited to 10 MB [1]. {last}"), *checker.close(cut=True)]
    assert len(shown) == (2 if whole else 1)
    assert checker.checks[-1].outcome == ("supported" if whole else "cut")


async def test_framing_is_shown_only_before_support(evidence: Reading) -> None:
    shown, _ = check(
        evidence,
        "Here is what the passages say:\n\n- Uploads are limited to 10 MB [1]\n- Rome is old\n\nI hope this helps.",
    )
    assert [(s.text, len(s.citations)) for s in shown] == [
        ("Here is what the passages say:", 0),
        ("\n\n- Uploads are limited to 10 MB", 1),
    ]
    assert check(evidence, "Here is what the passages say:")[0] == []


async def test_code_is_shown_only_word_for_word(evidence: Reading) -> None:
    right, wrong = "```\nassay keys  rotate --all\n```", "```\nassay keys delete --all\n```"
    shown, _ = check(evidence, f"{right}\n\n{wrong}\n")
    assert [s.text for s in shown] == [right]
    assert shown[0].citations[0].quote == "assay keys rotate --all"


async def test_a_refusal_is_never_shown(evidence: Reading) -> None:
    shown, checker = check(evidence, "I cannot answer this from the documents.")
    assert shown == []
    assert checker.refused


async def test_a_part_of_a_sentence_is_not_taken_for_the_whole(make: SimpleNamespace) -> None:
    found = await make.reading("Is it safe?", make.chunk("It is not true that the pool is safe for children."))
    assert check(found, "The pool is safe for children [1].")[0] == []


PIECES = [
    "Uploads are limited", " to 10 MB", " [1]", "[2].", " Larger files", " are refused", ". ", "[9]", "\n\n", "- ",
    "Keys expire after a year", " [2]", " Rome is old.", "Here is the answer:", "```\n", "assay keys rotate --all\n",
    "According to [1], ", "No. ", "。", "| a | b |\n|---|---|\n", "(", "[", "1", "]", "`",
]  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    draft=st.lists(st.sampled_from(PIECES), max_size=14).map("".join) | st.text(max_size=60),
    cuts=st.lists(st.integers(1, 200), max_size=8),
    unsupported=st.sampled_from(["withhold", "mark"]),
)
async def test_whatever_is_written_and_however_it_arrives(
    evidence: Reading, draft: str, cuts: list[int], unsupported: Unsupported
) -> None:
    at = [0, *sorted({cut for cut in cuts if cut < len(draft)}), len(draft)]
    deltas = [draft[a:b] for a, b in pairwise(at)]
    shown, checker = check(evidence, *deltas, unsupported=unsupported)
    assert shown == check(evidence, *draft, unsupported=unsupported)[0]
    assert checker.draft == draft
    assert [s.number for s in shown] == list(range(len(shown)))
    assert all(map(resolves, shown))
    if unsupported == "withhold":
        assert all(s.supported for s in shown)
    if shown:
        assert any(s.citations for s in shown)


@pytest.mark.parametrize(
    "text",
    [
        "I cannot answer this from the documents.",
        "I'm sorry, but I can't help with that.",
        "The provided context does not contain information about refunds.",
        "Unfortunately, the passages do not mention any price.",
        "Based on the provided documents, there is no information on this.",
        "There is not enough information to answer.",
        "None of the passages mention this.",
        "The answer is not in the provided context.",
        "I don't know.",
        "The question cannot be answered from the text.",
        "This information is not mentioned in the passages.",
    ],
)
async def test_refusals(text: str) -> None:
    assert refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "The API cannot answer requests above 10 MB.",
        "Users can't find the button because it is hidden.",
        "The context manager closes the file.",
        "There is no limit on uploads.",
        "The warranty does not cover water.",
        "You do not need a key.",
        "Documents are not deleted.",
    ],
)
async def test_statements_are_no_refusals(text: str) -> None:
    assert not refuses(text)


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("Here is what I found:", Unit.PROSE, True),
        ("The upload limit is as follows:", Unit.PROSE, True),
        ("## Upload limit", Unit.HEADING, True),
        ("| Upload | Limit |\n|---|---|", Unit.ROW, True),
        ("The tower was built by aliens:", Unit.PROSE, False),
        ("There is no limit on the following:", Unit.PROSE, False),
        ("## 25 MB", Unit.HEADING, False),
        ("Yes.", Unit.PROSE, False),
        ("No.", Unit.PROSE, False),
        ("The upload limit.", Unit.PROSE, False),
    ],
)
async def test_framing(text: str, unit: Unit, expected: bool) -> None:
    assert frames(text, unit, {"upload", "limit"}) is expected
