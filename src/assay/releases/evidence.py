"""How much evidence a release has room for, told from its manifest alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.answering.prompted import HISTORY_TOKENS
from assay.models.tokens import estimate
from assay.releases.file.sections import EXTRACTIVE

ANSWER_TOKENS = 1_024
"""What is left for the answer in a model's window where the application sets no limit."""
MARGIN_TOKENS = 300
"""Left free in a model's window for the question and for what a count may be off by."""
LEAST_TOKENS = 256
"""Evidence that is given to a model however small its window; it says itself if that is too much."""

_COUNTS = ("uses", "base_url", "model", "tokenizer")


@dataclass(frozen=True, slots=True)
class Room:
    """``tokens`` of evidence at most, and what they are counted by."""

    tokens: int
    counter: tuple[str | None, ...]


def room(content: Mapping[str, Any]) -> Room:
    """The room of a release. A prompt's tokens are estimated, since its model's tokenizer may not be at hand."""
    answer, models = content["answer"], content["models"]
    prompt = answer.get("prompt") or {}
    said = estimate(prompt.get("system", "")) + estimate(prompt.get("user", ""))
    least = int(answer["context_tokens"])
    route = [models[name] for name in answer["route"]]
    for model in route:
        if model["uses"] != EXTRACTIVE and model.get("window"):
            taken = said + HISTORY_TOKENS + (model.get("max_tokens") or ANSWER_TOKENS) + MARGIN_TOKENS
            least = min(least, max(LEAST_TOKENS, model["window"] - taken))
    return Room(least, tuple(route[0].get(key) for key in _COUNTS))
