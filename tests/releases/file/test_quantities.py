from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.releases.file.quantities import Duration, Money


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("4 s", 4), ("250 ms", 0.25), ("250ms", 0.25), ("0.25 s", 0.25), (" 2 min ", 120), ("1 h", 3600), (".5 s", 0.5)],
)
def test_durations(text: str, seconds: float) -> None:
    assert Duration.parse(text) == Duration(seconds)


@pytest.mark.parametrize(("text", "usd"), [("0.02 USD", 0.02), ("50 USD", 50), ("0.020 USD", 0.02)])
def test_money(text: str, usd: float) -> None:
    assert Money.parse(text) == Money(usd)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (30, '30 has no unit: write text such as "30 s"'),
        ("30", '"30" has no unit; write for example "4 s"'),
        ("4 seconds", '"4 seconds" has the unit "seconds"; known: ms, s, min, h, d'),
        ("-4 s", '"-4 s" is not a number with a unit; write for example "4 s"'),
        ("soon", '"soon" is not a number with a unit; write for example "4 s"'),
        ("1e3 s", '"1e3 s" is not a number with a unit; write for example "4 s"'),
        ("٤ s", '"٤ s" is not a number with a unit; write for example "4 s"'),
        (True, 'must be text with a number and a unit, such as "4 s"'),
        (None, 'must be text with a number and a unit, such as "4 s"'),
    ],
)
def test_durations_that_are_wrong(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=r".+") as caught:
        Duration.parse(value)
    assert str(caught.value) == message


def test_another_currency_is_refused() -> None:
    with pytest.raises(ValueError, match=r'prices are known in USD only: write "3 USD"'):
        Money.parse("3 EUR")


@given(st.decimals(0, 10**9, places=4))
def test_what_is_shown_can_be_read_again(number: object) -> None:
    money, duration = Money(float(str(number))), Duration(float(str(number)))
    assert Money.parse(str(money)) == money
    assert Duration.parse(str(duration)).seconds == pytest.approx(duration.seconds, rel=1e-12)
