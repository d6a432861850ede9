"""A logistic model as names and coefficients in a JSON file, checked by digest when it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from math import exp
from typing import Any

from assay.digest import digest
from assay.errors import PluginError

_LIMIT = 30.0


@dataclass(frozen=True, slots=True)
class Linear:
    """``weights`` by feature name, on raw features, and the intercept; the logit is their sum."""

    weights: Mapping[str, float]
    intercept: float

    def __call__(self, features: Mapping[str, float]) -> float:
        """The probability of the positive class; a feature that has no weight counts nothing."""
        logit = self.intercept + sum(weight * features[name] for name, weight in self.weights.items())
        return 1.0 / (1.0 + exp(-max(-_LIMIT, min(_LIMIT, logit))))

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> Linear:
        """The model written as {"weights": {name: number}, "intercept": number}."""
        weights = {str(name): float(value) for name, value in written["weights"].items()}
        return cls(weights, float(written["intercept"]))


def coefficients(name: str) -> tuple[dict[str, Any], str]:
    """The content of the coefficient file ``name`` beside this module, and its digest.

    Raises PluginError when it is missing, unreadable, or not what the fitting script wrote.
    """
    try:
        written = json.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))
        content, stated = written["content"], written["digest"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PluginError(f"coefficients {name} cannot be read ({error}); install assay anew") from error
    found = digest(content)
    if found != stated:
        raise PluginError(f"coefficients {name} were altered: digest {found[:12]}, stated {str(stated)[:12]}; fit anew")
    return content, found
