"""The answer that a label is about, kept beside it: a label outlives the run that it was given in."""

from __future__ import annotations

from assay.digest import Digest, digest
from assay.errors import InputError
from assay.evaluation.artifacts.codec import (
    Json,
    decode_case,
    decode_outcome,
    dumped,
    encode_case,
    encode_outcome,
    loaded,
)
from assay.evaluation.records import Result
from assay.evaluation.samples import Answered, Sample
from assay.stores.labelled import Content


def content_of(item: Digest, result: Result) -> Content:
    """The case and the answer of a result, as they are kept."""
    return Content(item, dumped({"case": encode_case(result.case), "answer": encode_outcome(result.outcome)}))


def sample_of(content: Content) -> Sample:
    """The case and the answer again. Raises InputError for a payload that is damaged."""
    return sample(loaded(content.payload))


def sample(value: Json) -> Sample:
    """The sample that an object with ``case`` and ``answer`` is. Raises InputError."""
    if not isinstance(value, dict) or not isinstance(value.get("case"), dict):
        raise InputError('"case" is missing: the case as an object')
    found = Sample(decode_case(value["case"]), decode_outcome(value.get("answer")))
    if not isinstance(found.outcome, Answered):
        raise InputError('"answer": only an answer can be labelled, not a failure')
    return found


def item_of_sample(metric: str, found: Sample) -> Digest:
    """The key of a sample's labels; the same as ``population.item_of`` of its result."""
    outcome = found.outcome
    return digest(["label", metric, found.case.digest, outcome.content if isinstance(outcome, Answered) else ""])
