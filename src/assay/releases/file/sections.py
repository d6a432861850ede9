"""The tables of ``assay.toml`` that say how an answer is made.

Every table refuses unknown keys and values of another type. Defaults are written here
once, and enter the release like explicit values.
"""

from __future__ import annotations

import posixpath
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from assay.digest import canonical
from assay.documents import PUBLIC, Scalar
from assay.releases.file.quantities import Duration, Money

Seconds = Annotated[Duration, BeforeValidator(Duration.parse)]
Dollars = Annotated[Money, BeforeValidator(Money.parse)]
Texts = Annotated[tuple[str, ...], Field(strict=False)]
EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class KeyMistake(ValueError):
    """A mistake that two keys make together; ``key`` is the one to point at."""

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)


class Section(BaseModel):
    """A table of the file."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def normal_path(path: str) -> str:
    """A path as written, with forward slashes and without ``./`` and ``//``: "./docs/" is "docs"."""
    if not path.strip():
        raise ValueError("must not be empty")
    if "\0" in path:
        raise ValueError("holds a zero character")
    return posixpath.normpath(path.replace("\\", "/"))


FilePath = Annotated[str, AfterValidator(normal_path)]


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+[^\s]*", value):
        raise ValueError(f'"{value}" is not an address that begins with http:// or https://')
    return value.rstrip("/")


Url = Annotated[str, AfterValidator(_url)]


def _metadata(value: object) -> object:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(item, str | int | float | bool):
                raise ValueError(f'"{key}" must be text, a number, true or false; put dates in quotes')
    return value


def _options(value: object) -> object:
    try:
        canonical(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"can only hold text, numbers, true, false, arrays and tables: {error}") from error
    return value


class App(Section):
    """What the application is called; prompts may use it as ``{{app}}``."""

    name: Annotated[str, Field(min_length=1, max_length=100)]


class Source(Section):
    """Documents to ingest: a folder, one file, or a JSONL file with a document a line.

    ``include`` empty means every kind of file that can be read.
    """

    path: FilePath
    name: Annotated[str, Field(min_length=1)] | None = None
    kind: Literal["folder", "file", "jsonl"] | None = None
    include: Texts = ()
    exclude: Texts = ()
    access: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = (PUBLIC,)
    metadata: Annotated[dict[str, Scalar], BeforeValidator(_metadata)] = Field(default_factory=dict)
    prefix: str = ""
    max_bytes: Count = 50_000_000

    @property
    def title(self) -> str:
        """The name given, or the path."""
        return self.name or self.path

    @property
    def is_jsonl(self) -> bool:
        """Whether the path is read as a document a line; by its suffix unless ``kind`` says so."""
        return self.kind == "jsonl" or (self.kind is None and self.path.lower().endswith((".jsonl", ".ndjson")))


class EmbedderChoice(Section):
    """``[embedders.NAME]``: a model behind an OpenAI-compatible embeddings endpoint."""

    uses: Literal["openai-compatible"]
    base_url: Url
    model: Annotated[str, Field(min_length=1)]
    dimensions: Count
    api_key_env: EnvironmentName | None = None
    max_tokens: Count = 8192
    timeout: Seconds = Duration(60)


class IndexRecipe(Section):
    """How documents become chunks and vectors, and where these are kept."""

    chunker: Literal["structure", "tokens", "sentences"] = "structure"
    max_tokens: Annotated[int, Field(ge=16)] = 200
    overlap: Annotated[int, Field(ge=0)] = 0
    embedder: str = "minilm"
    store: Literal["embedded", "lance"] = "embedded"
    uri: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> IndexRecipe:
        if self.overlap >= self.max_tokens:
            raise KeyMistake("overlap", f"overlap ({self.overlap}) must be smaller than max_tokens ({self.max_tokens})")
        if self.uri is not None and self.store == "embedded":
            raise KeyMistake("uri", 'uri belongs to store = "lance"; the embedded store lies beside assay.toml')
        return self


def _rerank(value: object) -> object:
    if not isinstance(value, bool | str) or value == "":
        raise ValueError("must be true, false or the name of a reranker")
    return value


class Retrieval(Section):
    """How evidence is found.

    ``dense_weight`` is the dense side's share in hybrid fusion, ``neighbours`` how many chunks
    on each side are joined to a hit, ``linked`` a second hop from what the first found.
    """

    mode: Literal["dense", "lexical", "hybrid"] = "hybrid"
    candidates: Count = 100
    keep: Count = 8
    dense_weight: Share = 0.5
    rerank: Annotated[bool | str, BeforeValidator(_rerank)] = False
    neighbours: Annotated[int, Field(ge=0)] = 0
    linked: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> Retrieval:
        if self.keep > self.candidates:
            raise KeyMistake("keep", f"keep ({self.keep}) must not exceed candidates ({self.candidates})")
        return self


class Price(Section):
    """US dollars for a million tokens, where the price list is wrong or has none."""

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]
    cached: Annotated[float, Field(ge=0)] | None = None


EXTRACTIVE = "extractive"
COMPATIBLE = "openai-compatible"


class ModelChoice(Section):
    """``[models.NAME]``: ``uses`` is "extractive", "openai-compatible" or "provider:model".

    With ``base_url``, ``uses`` may also be the bare name of a model at that server.
    ``temperature`` None leaves the provider's default, which some models insist on. ``options``
    go to the provider as they are; ``api_key_env`` names an environment variable.
    """

    uses: Annotated[str, Field(min_length=1)]
    base_url: Url | None = None
    model: Annotated[str, Field(min_length=1)] | None = None
    api_key_env: EnvironmentName | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Count | None = None
    timeout: Seconds = Duration(60)
    window: Count | None = None
    tokenizer: Annotated[str, Field(min_length=1)] | None = None
    price: Price | None = None
    options: Annotated[dict[str, Any], BeforeValidator(_options)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> ModelChoice:
        if self.uses == EXTRACTIVE:
            given = [key for key in ("base_url", "model", "api_key_env") if getattr(self, key) is not None]
            if given:
                raise KeyMistake(
                    given[0], f'{" and ".join(given)} cannot go with uses = "extractive", which asks no model'
                )
        elif self.uses == COMPATIBLE:
            missing = [key for key in ("base_url", "model") if getattr(self, key) is None]
            if missing:
                raise KeyMistake("uses", f'uses = "openai-compatible" needs {" and ".join(missing)}')
        elif self.model is not None:
            raise KeyMistake("model", 'model goes with uses = "openai-compatible"; else uses itself names the model')
        elif re.match("https?://", self.uses):
            raise KeyMistake("uses", f'write uses = "openai-compatible" and base_url = "{self.uses}"')
        elif self.base_url is None and not re.fullmatch(r"[^\s:]+:\S+", self.uses):
            raise KeyMistake(
                "uses",
                f'uses = "{self.uses}" is neither "extractive", "openai-compatible" '
                'nor "provider:model" such as "openai:gpt-5-mini"',
            )
        return self


class AnswerRecipe(Section):
    """How evidence becomes an answer; ``prompt`` None is the built-in one.

    ``abstain_below`` is the confidence under which nothing is said; None is the fitted default.
    """

    prompt: FilePath | None = None
    route: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = ("local",)
    context_tokens: Annotated[int, Field(ge=64)] = 6000
    unsupported: Literal["withhold", "mark"] = "withhold"
    abstain_below: Share | None = None
