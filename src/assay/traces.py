"""What happened while an answer was made: a trace is a tree of timed spans.

Attribute names are OpenTelemetry's GenAI conventions where these have one, and begin
with ``assay.`` where they have none. They are kept here as constants of our own, since
upstream holds them in a module marked as unstable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Attribute: TypeAlias = str | bool | int | float | Sequence[str] | Sequence[bool] | Sequence[int] | Sequence[float]

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_TEMPERATURE = "gen_ai.request.temperature"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
CONVERSATION = "gen_ai.conversation.id"
DATA_SOURCE = "gen_ai.data_source.id"
ERROR = "error.type"

RELEASE = "assay.release"
QUESTION = "assay.question"
ANSWER = "assay.answer"
CONTEXT = "assay.context"
CITATIONS = "assay.citations"
HITS = "assay.hits"
ABSTAINED = "assay.abstained"
CONFIDENCE = "assay.confidence"
COST = "assay.cost.usd"
PRICES_AS_OF = "assay.cost.prices_as_of"
INDEX_GENERATION = "assay.index.generation"
STAGE = "assay.stage"
FIRST_DELTA = "assay.first_delta.milliseconds"
"""On a generate span: until the model's first piece."""
FIRST_SENTENCE = "assay.first_sentence.milliseconds"
"""On the root: until the first checked sentence was shown."""

ROLLOUT = "assay.rollout"
"""On the root, with the five below: the rollout or the experiment under which the answer was made."""
ARM = "assay.arm"
ROLLOUT_STAGE = "assay.rollout.stage"
UNIT = "assay.unit"
"""The hash of who was assigned."""
PINNED = "assay.pinned"
PROPENSITY = "assay.propensity"
KEPT = "assay.kept"
"""On the root: true where the candidate's share of the stage before had drawn the unit already."""
SHADOW = "assay.shadow"
"""On the root: true for a copy that no user saw."""
COPY_OF = "assay.shadow.of"
"""On the root of a copy: the trace of the answer that its user saw."""
INSTEAD_OF = "assay.instead_of"
"""On the root: the release that should have answered and could not."""

CONTENT = frozenset({SYSTEM_INSTRUCTIONS, INPUT_MESSAGES, OUTPUT_MESSAGES, QUESTION, ANSWER, CONTEXT, CITATIONS, HITS})
"""Attributes that hold what people or documents said; left out when content recording is off."""


@dataclass(frozen=True, slots=True)
class Span:
    """A timed step. Times are nanoseconds since the epoch; ids are hexadecimal as in OpenTelemetry."""

    id: str
    parent: str | None
    name: str
    start: int
    end: int
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    error: str | None = None

    @property
    def milliseconds(self) -> float:
        return (self.end - self.start) / 1e6


@dataclass(frozen=True, slots=True)
class Trace:
    """The spans of one request, in order of their start; the first is the root."""

    id: str
    spans: tuple[Span, ...]

    @property
    def root(self) -> Span:
        return self.spans[0]

    @property
    def release(self) -> str | None:
        """The digest of the release that answered."""
        found = self.root.attributes.get(RELEASE)
        return found if isinstance(found, str) else None
