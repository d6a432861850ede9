from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.documents import Chunk, Scalar
from assay.errors import InputError
from assay.stores.index import Scope
from assay.stores.scoping import admits, metadata_term, term
from assay.testing.index_conformance import may_be_found

scalars = st.one_of(
    st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5), st.just("1")
)
keys = st.text(alphabet="ab\x1f", max_size=3)


def chunk(metadata: dict[str, Scalar]) -> Chunk:
    return Chunk("c", "d", 0, 0, 1, "x", "t", metadata=metadata)


@given(keys, scalars, keys, scalars)
def test_terms_are_equal_exactly_when_key_and_value_are(a: str, x: Scalar, b: str, y: Scalar) -> None:
    same = a == b and may_be_found(Scope(where={"k": x}), chunk({"k": y}))
    assert (metadata_term(a, x) == metadata_term(b, y)) == same
    assert admits(Scope(where={a: x}), chunk({b: y})) == same


@pytest.mark.parametrize(("value", "wanted", "equal"), [
    (1, 1.0, True), (0, -0.0, True), (True, 1, False), ("1", 1, False), (False, 0, False), ("true", True, False),
])  # fmt: skip
def test_the_rule_of_equality(value: Scalar, wanted: Scalar, equal: bool) -> None:
    assert admits(Scope(where={"k": wanted}), chunk({"k": value})) is equal


@given(st.text(min_size=0, max_size=3).map(lambda t: t * 300) | st.text(alphabet="a\ud800", max_size=4))
def test_a_term_can_be_stored(text: str) -> None:
    assert len(term(text).encode()) <= 512
    assert term(text) == term(text)
    assert term(text + "x") != term(text)


def test_nobody_finds_nothing() -> None:
    assert not admits(Scope(groups=frozenset()), chunk({}))


@pytest.mark.parametrize("value", [None, [], float("nan"), float("inf")])
def test_what_cannot_be_compared_is_refused(value: Scalar) -> None:
    with pytest.raises(InputError):
        metadata_term("k", value)
