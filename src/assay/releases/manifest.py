"""``assay.toml`` as a value: validated, frozen, every default filled in."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from assay.releases.file.governance import Evaluation, Limits, Tracing
from assay.releases.file.rollout_section import RolloutPlan
from assay.releases.file.sections import (
    EXTRACTIVE,
    AnswerRecipe,
    App,
    EmbedderChoice,
    IndexRecipe,
    ModelChoice,
    Retrieval,
    Section,
    Source,
)

DEFAULT_MODEL = "local"
"""A model that every application has, extractive unless the file says otherwise."""

PACKAGED_EMBEDDER = "minilm"
"""The embedder that comes with Assay."""


class Manifest(Section):
    """The whole file. Only ``app.name`` has no default."""

    app: App
    sources: Annotated[tuple[Source, ...], Field(strict=False)] = ()
    index: IndexRecipe = IndexRecipe()
    embedders: dict[str, EmbedderChoice] = Field(default_factory=dict)
    retrieval: Retrieval = Retrieval()
    models: dict[str, ModelChoice] = Field(default_factory=dict)
    answer: AnswerRecipe = AnswerRecipe()
    limits: Limits = Limits()
    evaluation: Evaluation = Evaluation()
    rollout: RolloutPlan = RolloutPlan()
    tracing: Tracing = Tracing()

    @property
    def embedder(self) -> EmbedderChoice | None:
        """The embedder that the index uses; None is the packaged one."""
        return self.embedders.get(self.index.embedder)

    @property
    def route(self) -> dict[str, ModelChoice]:
        """The models that answer, by name, in the order in which they are tried."""
        known = {DEFAULT_MODEL: ModelChoice(uses=EXTRACTIVE), **self.models}
        return {name: known[name] for name in self.answer.route}
