from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.digest import digest
from assay.errors import PluginError
from assay.evaluation.judges.offline import linear
from assay.evaluation.judges.offline.evidence import evidence
from assay.evaluation.judges.offline.faithfulness import COEFFICIENTS, FaithfulnessVerdict, OfflineFaithfulness
from assay.evaluation.judges.offline.linear import Linear, coefficients
from assay.evaluation.judges.offline.summary import examine, summary
from assay.scores import Unscored

BRIDGE = (
    "The Harbour Bridge opened in March 1932 after eight years of construction. It was designed by Ralph Freeman "
    "and carries eight lanes of traffic. The toll is collected only from southbound vehicles."
)
BREAD = "Sourdough bread needs flour, water and salt. The starter ferments for a week before the first loaf."
SHOP = json.dumps({"name": "Blue Door", "attributes": {"OutdoorSeating": False, "WiFi": "free", "Music": None}})
JUDGE = OfflineFaithfulness.shipped()


def judged(answer: str, *contexts: str, question: str | None = None) -> FaithfulnessVerdict:
    found = JUDGE.judge(question, contexts or (BRIDGE,), answer)
    assert isinstance(found, FaithfulnessVerdict)
    return found


RIGHT = "The Harbour Bridge opened in March 1932 and was designed by Ralph Freeman."


@pytest.mark.parametrize(
    "worse",
    [
        "The Harbour Bridge opened in March 1947 and was designed by Ralph Freeman.",
        "The Harbour Bridge opened in March 1932 and was designed by Jonathan Whitmore.",
        "The Harbour Bridge opened in March 1932 and was designed by Ralph Freeman, who later won a prize in Denmark.",
        "The Harbour Bridge did not open in March 1932, and was not designed by Ralph Freeman.",
    ],
    ids=["number", "name", "clause", "negation"],
)
def test_a_fault_lowers_the_probability(worse: str) -> None:
    good, bad = judged(RIGHT), judged(worse)
    assert bad.probability < good.probability
    assert bad.claims[0].probability < good.claims[0].probability


def test_a_foreign_source_supports_nothing() -> None:
    found = judged(RIGHT, BREAD)
    assert found.probability < 0.2
    assert found.unsupported == ((0, len(RIGHT)),)


def test_a_paraphrase_is_above_a_contradiction() -> None:
    paraphrase = judged("After construction that took eight years, the bridge was opened in March 1932.")
    contradiction = judged("After construction that took thirty years, the bridge was opened in June 1958.")
    assert paraphrase.probability > 0.9 > contradiction.probability


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("Blue Door offers free WiFi.", "Blue Door does not offer WiFi."),
        ("Blue Door does not offer outdoor seating.", "Blue Door offers outdoor seating."),
        ("Blue Door offers free WiFi.", "Blue Door offers live music."),
    ],
)
def test_records_turned_round_are_found(true: str, false: str) -> None:
    assert judged(true, SHOP).unsupported == ()
    assert judged(false, SHOP).unsupported == ((0, len(false)),)


def test_the_invented_sentence_is_located() -> None:
    invented = "Its owner sells balloons to wealthy Danish astronauts every Christmas."
    answer = f"Here is a summary:\n\n{RIGHT} {invented} The toll is collected only from southbound vehicles."
    found = judged(answer)
    assert [answer[start:end] for start, end in found.unsupported] == [invented]
    assert [claim.text for claim in found.claims] == [answer[c.start : c.end] for c in found.claims]
    assert len(found.claims) == 3


def test_more_inventions_never_help() -> None:
    invented = ["Astronauts paid 45 million dollars.", "Denmark sold balloons in 1811.", "A queen wept in Lisbon."]
    answers = [" ".join([RIGHT, *invented[:n]]) for n in range(4)]
    probabilities = [judged(answer).probability for answer in answers]
    assert probabilities == sorted(probabilities, reverse=True)


@pytest.mark.parametrize("answer", ["", "  \n", "I don't know.", "Unable to answer based on given passages.", "?!"])
def test_an_answer_without_claims_is_unscored(answer: str) -> None:
    assert JUDGE.judge(None, [BRIDGE], answer) == Unscored("no claims")


@pytest.mark.parametrize("contexts", [[], [""], [" ", "\n"]])
def test_no_context_is_unscored(contexts: list[str]) -> None:
    assert JUDGE.judge("When?", contexts, RIGHT) == Unscored("no contexts")


TEXT = st.text(st.characters(codec=None), max_size=120) | st.text(
    " .,:0123456789ampmnot'\"{}[]()-|#*\nABcde", max_size=120
)


@settings(max_examples=150, deadline=None)
@given(st.none() | TEXT, st.lists(TEXT, max_size=3), TEXT)
def test_any_text_is_judged_or_unscored(question: str | None, contexts: list[str], answer: str) -> None:
    found = JUDGE.judge(question, contexts, answer)
    if isinstance(found, Unscored):
        assert found.reason in ("no claims", "no contexts")
        return
    assert 0 <= found.probability <= 1
    assert found.claims
    for claim in found.claims:
        assert 0 <= claim.probability <= 1
        assert claim.text == answer[claim.start : claim.end]
    assert found.unsupported == tuple((c.start, c.end) for c in found.claims if c.probability < JUDGE.threshold)
    assert JUDGE.judge(question, contexts, answer) == found


def test_every_coefficient_names_a_feature() -> None:
    written, _ = coefficients(COEFFICIENTS)
    examined = examine("When?", evidence([SHOP, BRIDGE]), RIGHT)
    assert set(written["claim"]["weights"]) <= set(examined[0].features)
    assert set(written["answer"]["weights"]) <= set(summary(examined, [0.5]))


def test_a_riskier_claim_makes_a_riskier_answer() -> None:
    written, _ = coefficients(COEFFICIENTS)
    answer = Linear.of(written["answer"])
    examined = examine(None, evidence([BRIDGE]), f"{RIGHT} The toll is collected only from southbound vehicles.")
    risks = [answer(summary(examined, [risk, 0.02])) for risk in (0.02, 0.1, 0.25, 0.5, 0.8, 0.97)]
    assert risks == sorted(risks)


def test_the_identity_tells_the_coefficients() -> None:
    content = json.loads(files(linear.__package__).joinpath(COEFFICIENTS).read_text("utf-8"))["content"]
    assert JUDGE.identity.endswith(digest(content)[:16])
    assert JUDGE.identity == OfflineFaithfulness.shipped().identity


def test_the_file_is_small_and_says_where_it_is_from() -> None:
    raw = files(linear.__package__).joinpath(COEFFICIENTS).read_bytes()
    assert len(raw) < 20_000
    assert b"RAGTruth" in raw
    assert b"MIT" in raw


def test_altered_coefficients_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = json.loads(files(linear.__package__).joinpath(COEFFICIENTS).read_text("utf-8"))
    whole["content"]["threshold"] = 0.5
    monkeypatch.setattr("json.loads", lambda _: whole)
    with pytest.raises(PluginError, match="altered"):
        coefficients(COEFFICIENTS)


def test_missing_coefficients_are_named() -> None:
    with pytest.raises(PluginError, match=r"absent\.json"):
        coefficients("absent.json")


JUDGING = """
import random
from assay.evaluation.judges.offline.faithfulness import OfflineFaithfulness
draw, judge = random.Random(7), OfflineFaithfulness.shipped()
words = "Basel Ostrow Rosa opens closes costs lends ends the library hotel 140 euros three weeks river".split()
for _ in range(150):
    context = " ".join(" ".join(draw.choices(words, k=9)).capitalize() + "." for _ in range(8))
    answer = " ".join(" ".join(draw.choices(words, k=12)).capitalize() + "." for _ in range(3))
    print(judge.judge("", [context], answer))
"""


def test_the_last_digit_is_the_same_in_every_process() -> None:
    # Strings hash otherwise in each process, and sets of them are gone through in another order.
    said = [
        subprocess.run(
            [sys.executable, "-c", JUDGING],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    ]
    assert said[0].count("FaithfulnessVerdict") == 150
    assert said[0] == said[1]
