"""The tables of ``assay.toml`` about limits, measurement and traces.

The cost and latency limits are *declared only* in this version: they are validated, so that a file
written today is right tomorrow, and not yet enforced. ``limits.data``, ``[evaluation]`` and
``[tracing]`` are in force; ``[rollout]`` has a file of its own.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from assay.releases.file.sections import Count, Dollars, Seconds, Section, Texts, Url


class Limits(Section):
    """What an answer may cost and where its data may go.

    ``cost_per_answer``, ``cost_per_day`` and ``latency_p95`` are declared only.
    ``data`` = "local" refuses every model that would leave the machine.
    """

    cost_per_answer: Dollars | None = None
    cost_per_day: Dollars | None = None
    latency_p95: Seconds | None = None
    data: Literal["any", "local"] = "any"


class Bound(Section):
    """How much worse than live a measure may be: by a ``margin``, or by a ``ratio``."""

    margin: Annotated[float, Field(ge=0)] | None = None
    ratio: Annotated[float, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Bound:
        if (self.margin is None) == (self.ratio is None):
            raise ValueError("must have either margin or ratio: { margin = 0.02 } or { ratio = 1.2 }")
        return self


class Evaluation(Section):
    """Cases and scorers, and the gate that a release must pass.

    ``judge`` is "offline", a model's name, "panel:a,b,c" or "cascade:offline,NAME"; ``repeats`` how often each
    case is asked; ``concurrency`` how many answers and judgements are under way at once, at most;
    ``alpha`` the gate's chance to let a release pass that is worse by the bound.
    """

    datasets: Texts = ()
    scorers: Texts = ("retrieval", "faithfulness", "relevance", "correctness", "citations", "abstention")
    judge: Annotated[str, Field(min_length=1)] = "offline"
    repeats: Count = 1
    concurrency: Count = 8
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    gate: dict[str, Bound] = Field(default_factory=dict)


class Tracing(Section):
    """``content`` False keeps what people and documents said out of the traces; ``otlp`` is a
    collector's address."""

    content: bool = True
    otlp: Url | None = None
