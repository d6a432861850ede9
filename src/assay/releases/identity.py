"""Which settings make a release what it is.

A setting enters the digest when changing it alone can change an answer: its text, its
citations, or whether there is one. Where that is in doubt it enters. Every field of the
manifest stands in exactly one of the two tables below, and a test fails for one that does
not. ``*`` stands for a chosen name or for any entry of an array.

Some enter in another form than they are written: the prompt by what it tells the model, not
by its path or description; of models and embedders only those that are used, so that a
judge's model may change freely; a source's kind as "a document a line or not", which is all
that it decides; its globs and groups as sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from assay.answering.prompt import Prompt
from assay.digest import canonical
from assay.releases.file.quantities import Duration, Money
from assay.releases.file.sections import Source
from assay.releases.manifest import PACKAGED_EMBEDDER, Manifest

FORMAT = 1
"""Of the canonical bytes; a reader of old releases looks here first."""

ENTERS: Mapping[str, str] = {
    "app.name": "prompts may use it as a variable",
    "sources.*.path": "which documents there are, and their ids",
    "sources.*.name": "documents can be filtered by it; its default is the path",
    "sources.*.kind": "whether a file is one document or a document a line",
    "sources.*.include": "which documents there are",
    "sources.*.exclude": "which documents there are",
    "sources.*.access": "who is answered from them",
    "sources.*.metadata": "what they can be filtered by",
    "sources.*.prefix": "their ids",
    "sources.*.max_bytes": "which documents there are",
    "index.chunker": "what can be found",
    "index.max_tokens": "what can be found",
    "index.overlap": "what can be found",
    "index.embedder": "what is near to what",
    "index.store": "exact or approximate search, another lexical analysis",
    "embedders.*.uses": "what is near to what",
    "embedders.*.base_url": "another server may hold other weights under the same name",
    "embedders.*.model": "what is near to what",
    "embedders.*.dimensions": "what is near to what",
    "embedders.*.api_key_env": "another account may reach another model; never the key itself",
    "embedders.*.max_tokens": "where a long text is cut",
    "embedders.*.timeout": "whether a question can be embedded at all",
    "retrieval.mode": "what is found",
    "retrieval.candidates": "what is found",
    "retrieval.keep": "what is found",
    "retrieval.dense_weight": "what is found",
    "retrieval.rerank": "what is found",
    "retrieval.neighbours": "what the model reads",
    "retrieval.linked": "what is found",
    "models.*.uses": "who answers",
    "models.*.base_url": "who answers",
    "models.*.model": "who answers",
    "models.*.api_key_env": "another account may reach another model; never the key itself",
    "models.*.temperature": "how it answers",
    "models.*.max_tokens": "how long it answers",
    "models.*.timeout": "when the next model of the route takes over",
    "models.*.window": "how much evidence it is given",
    "models.*.tokenizer": "how much evidence it is given",
    "models.*.price": "when an answer is over budget",
    "models.*.options": "how it answers",
    "answer.prompt": "what the model is told, by the text of the file",
    "answer.route": "who answers",
    "answer.context_tokens": "how much evidence it is given",
    "answer.unsupported": "what is shown",
    "answer.abstain_below": "whether there is an answer",
    "limits.cost_per_answer": "whether there is an answer",
    "limits.cost_per_day": "whether there is an answer",
    "limits.data": "who may answer",
}
"""Settings that can alter an answer, and how."""

STAYS_OUT: Mapping[str, str] = {
    "index.uri": "where the index lies; the same index may be moved",
    "limits.latency_p95": "a goal that is measured, not a limit on an answer",
    "evaluation.datasets": "what a release is measured on",
    "evaluation.scorers": "what a release is measured by",
    "evaluation.judge": "what a release is measured by",
    "evaluation.repeats": "how it is measured",
    "evaluation.concurrency": "how it is measured",
    "evaluation.alpha": "what is asked of a release",
    "evaluation.gate": "what is asked of a release",
    "rollout.stages": "how traffic moves between releases",
    "rollout.alpha": "how traffic moves between releases",
    "rollout.guards": "how traffic moves between releases",
    "rollout.sticky": "how traffic moves between releases",
    "rollout.least_answers": "how traffic moves between releases",
    "rollout.least_time": "how traffic moves between releases",
    "rollout.longest": "how traffic moves between releases",
    "rollout.judged": "how a release is measured",
    "rollout.shadow": "how a release is measured",
    "rollout.risk_per_quarter": "how traffic moves between releases",
    "tracing.content": "what is recorded of an answer",
    "tracing.otlp": "where it is recorded",
}
"""Settings that cannot, and why."""


def answer_altering(manifest: Manifest, *, prompt: Prompt) -> dict[str, Any]:
    """Everything in a manifest that can alter an answer, defaults written out, as plain JSON values."""
    kept = _kept(manifest, "")
    kept["sources"] = [
        entered | _source(source) for entered, source in zip(kept["sources"], manifest.sources, strict=True)
    ]
    kept["models"] = {name: _kept(model, "models.*.") for name, model in manifest.route.items()}
    kept["answer"]["prompt"] = {"system": prompt.system, "user": prompt.user}
    name = manifest.index.embedder
    kept["embedders"] = {name: kept["embedders"][name]} if name != PACKAGED_EMBEDDER else {}
    return kept


def _source(source: Source) -> dict[str, Any]:
    """The keys of a source that enter in another form than they are written."""
    sets = {key: sorted(set(getattr(source, key))) for key in ("include", "exclude", "access")}
    return {"name": source.title, "kind": "jsonl" if source.is_jsonl else "files", **sets}


def _kept(model: BaseModel, prefix: str) -> dict[str, Any]:
    """The fields of a table that enter; tables within it likewise."""
    kept: dict[str, Any] = {}
    for name in type(model).model_fields:
        key, value = prefix + name, getattr(model, name)
        if key in ENTERS:
            kept[name] = _plain(value)
        elif key not in STAYS_OUT and (inner := _inner(value, key)) is not None:
            kept[name] = inner
    return kept


def _inner(value: object, key: str) -> Any:
    if isinstance(value, BaseModel):
        return _kept(value, f"{key}.") or None
    if isinstance(value, Mapping):
        return {name: _kept(item, f"{key}.*.") for name, item in value.items()}
    if isinstance(value, tuple):
        return [_kept(item, f"{key}.*.") for item in value]
    raise TypeError(f"{key} stands in neither table of assay.releases.identity")


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Duration):
        return {"seconds": value.seconds}
    if isinstance(value, Money):
        return {"usd": value.usd}
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def manifest_bytes(manifest: Manifest, *, prompt: Prompt, code: Mapping[str, str]) -> bytes:
    """The canonical bytes that a release is named by."""
    return canonical({"format": FORMAT, "code": dict(code), **answer_altering(manifest, prompt=prompt)})
