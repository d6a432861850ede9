"""Counting tokens."""

from __future__ import annotations

import importlib.util
from importlib.metadata import distribution
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from assay.errors import InputError
from assay.models.minilm import TOKENIZER
from assay.models.tokens import ESTIMATED, counter_for, estimate, file_counter, openai_counter

FILE = Path(str(distribution(TOKENIZER[0]).locate_file(TOKENIZER[1])))

TEXTS = {
    "english": "A request for a refund must arrive within thirty days, together with the original invoice.",
    "german": "Der Antrag auf Rückerstattung muss innerhalb von dreißig Tagen eingereicht werden.",
    "chinese": "退款申请必须在收到商品后三十天内提交，并附上原始发票和订单编号。",
    "japanese": "本製品の保証期間は、ご購入日より一年間とさせていただきます。",
    "korean": "환불 신청은 상품을 받은 날부터 삼십 일 이내에 제출해야 합니다.",
    "russian": "Заявление о возврате средств должно быть подано в течение тридцати дней.",
    "code": "def f(x: int) -> dict[str, int]:\n    return {str(i): i ** 2 for i in range(x) if i % 3 == 0}\n",
    "numbers": "12,345.67 2026-11-22 11:45:15 0.8231 1e-9 192.168.0.1",
}
OPENAI = {  # o200k_base, cl100k_base, counted with bpe-openai 0.1.4
    "english": (17, 17),
    "german": (18, 23),
    "chinese": (22, 30),
    "japanese": (21, 31),
    "korean": (19, 35),
    "russian": (19, 32),
    "code": (37, 37),
    "numbers": (36, 36),
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_estimate_is_above_and_not_absurd(name: str) -> None:
    guess, real = estimate(TEXTS[name]), max(OPENAI[name])
    assert real <= guess <= 3 * real
    assert estimate(TEXTS[name] * 50) >= 50 * real


@given(st.text(max_size=300), st.text(max_size=300))
def test_the_estimate_grows_with_the_text(first: str, second: str) -> None:
    assert estimate(first) <= estimate(first + "\n" + second)
    assert (estimate(first) == 0) == (first == "")


def test_the_estimate_is_what_unknown_models_get() -> None:
    assert counter_for("openai-compatible", "llama3:8b") is ESTIMATED
    assert not ESTIMATED.exact


def test_a_tokenizer_file_counts_exactly() -> None:
    counter = file_counter(FILE)
    assert counter.exact
    tokenizer = Tokenizer.from_file(str(FILE))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    text = "Unbelievable tokenization! " * 100
    assert counter(text) == len(tokenizer.encode(text, add_special_tokens=False).ids)
    assert counter("") == 0


def test_a_bad_tokenizer_file_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "tokenizer.json"
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        file_counter(bad)
    bad.write_text("{}")
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        file_counter(bad)


@pytest.mark.skipif(importlib.util.find_spec("bpe_openai") is None, reason="the extra assay[tokens] is not installed")
def test_openai_is_counted_exactly() -> None:
    for model, column in (("gpt-5-mini", 0), ("gpt-4.1", 0), ("o3", 0), ("gpt-4", 1), ("text-embedding-3-small", 1)):
        counter = openai_counter(model)
        assert {name: counter(text) for name, text in TEXTS.items()} == {n: c[column] for n, c in OPENAI.items()}
        assert counter("<|endoftext|>") > 1, "what a document says is never a command"
    with pytest.raises(InputError, match="nonesuch"):
        openai_counter("nonesuch")
