"""What a call costs, by the price list of genai-prices or by the application's own prices.

The list is the one in the installed package: nothing is fetched. Importing this file loads the
list; only what calls a paid model imports it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.metadata import version

import genai_prices
from genai_prices import data as price_list

from assay.models.chat import Usage

VERIFIED = re.compile(r"verified on (\d{4}-\d{2}-\d{2})")

PROVIDERS = {
    "openai-chat": "openai",
    "openai-responses": "openai",
    "google-gla": "google",
    "google-vertex": "google",
    "google-cloud": "google",
    "bedrock": "aws",
    "azure-responses": "azure",
    "xai": "x-ai",
}
"""Where pydantic-ai and genai-prices call a provider differently."""


@dataclass(frozen=True, slots=True)
class Price:
    """The application's own price, in US dollars per million tokens.

    ``cached`` is for input read from the provider's cache; None: like other input.
    """

    input: float
    output: float
    cached: float | None = None

    def of(self, usage: Usage) -> float:
        cached = self.input if self.cached is None else self.cached
        fresh = usage.input - usage.cached
        return (fresh * self.input + usage.cached * cached + usage.output * self.output) / 1e6


def cost(
    provider: str, model: str, usage: Usage, at: datetime, own: Price | None = None
) -> tuple[float | None, str | None]:
    """US dollars for ``usage`` at the moment ``at``, and which price list says so.

    ``provider`` and ``model`` as pydantic-ai names them. ``(None, None)`` where no price is known:
    a model on one's own server has none until the application sets it.
    """
    if own is not None:
        return own.of(usage), "set by the application"
    counted = genai_prices.Usage(input_tokens=usage.input, cache_read_tokens=usage.cached, output_tokens=usage.output)
    wanted = PROVIDERS.get(provider, provider)
    if wanted not in _providers():  # spares a search through every price at each call of one's own server
        return None, None
    try:
        found = genai_prices.calc_price(counted, model, provider_id=wanted, genai_request_timestamp=at)
    except LookupError:
        return None, None
    if found.provider.id != wanted:  # the list also guesses: a name like "openai-compatible" is not OpenAI
        return None, None
    return float(found.total_price), listed()


@cache
def _providers() -> frozenset[str]:
    return frozenset(provider.id for provider in price_list.providers)


@cache
def listed() -> str:
    """The latest day on which the list says that one of its prices was verified, and the list's version."""
    dates = [
        date
        for provider in price_list.providers
        for model in provider.models
        for date in VERIFIED.findall(model.price_comments or "")
    ]
    name = f"genai-prices {version('genai-prices')}"
    return f"{max(dates)} ({name})" if dates else name
