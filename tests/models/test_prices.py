"""What calls cost."""

from __future__ import annotations

import re
import socket
from datetime import UTC, datetime

import pytest

from assay.models.chat import Usage
from assay.models.prices import Price, cost, listed

AT = datetime(2026, 6, 1, tzinfo=UTC)


def test_by_the_list() -> None:
    dollars, as_of = cost("openai", "gpt-4o-mini", Usage(input=1_000_000, output=1_000_000), AT)
    assert dollars == pytest.approx(0.15 + 0.60)
    assert as_of == listed()


def test_cached_input_is_cheaper_and_counted_once() -> None:
    whole, _ = cost("openai", "gpt-4o-mini", Usage(input=1000), AT)
    cached, _ = cost("openai", "gpt-4o-mini", Usage(input=1000, cached=1000), AT)
    assert whole is not None
    assert cached is not None
    assert 0 < cached < whole


def test_providers_under_both_names() -> None:
    usage = Usage(1000, 100)
    assert cost("openai-chat", "gpt-4o", usage, AT) == cost("openai", "gpt-4o", usage, AT)
    assert cost("anthropic", "claude-sonnet-4-5", usage, AT)[0]
    assert cost("google", "gemini-2.5-flash", usage, AT)[0]


@pytest.mark.parametrize(("provider", "model"), [("openai", "nonesuch"), ("openai-compatible", "gpt-4o"), ("x", "y")])
def test_unknown_is_none_and_not_zero(provider: str, model: str) -> None:
    assert cost(provider, model, Usage(1000, 100), AT) == (None, None)


def test_a_provider_without_prices_costs_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the list was searched")

    monkeypatch.setattr("genai_prices.calc_price", refuse)
    assert cost("openai-compatible", "gpt-4o", Usage(1000, 100), AT) == (None, None)


def test_own_prices_come_first() -> None:
    usage = Usage(input=2_000_000, output=500_000, cached=1_000_000)
    assert cost("openai", "gpt-4o", usage, AT, Price(2.0, 8.0))[0] == pytest.approx(2 * 2 + 4)
    assert cost("openai", "gpt-4o", usage, AT, Price(2.0, 8.0, 0.5))[0] == pytest.approx(2 + 0.5 + 4)
    assert cost("local", "m", usage, AT, Price(0, 0)) == (0.0, "set by the application")


def test_the_list_has_a_date_and_a_version() -> None:
    assert re.match(r"\d{4}-\d{2}-\d{2} \(genai-prices \d+\.\d+", listed())


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert cost("openai", "gpt-4.1-nano", Usage(10, 10), AT)[0] is not None
