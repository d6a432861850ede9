"""What evaluation keeps, as JSON-like values under a version: cases, outcomes, scores, runs.

Reading is strict: what is unknown, missing or of another type is an InputError with its place. The format's
number grows when a field changes its name or meaning; a new field with a default needs no new number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from assay.errors import InputError
from assay.evaluation.artifacts.forms import decode, encode
from assay.evaluation.cases import Case
from assay.evaluation.records import Result, Run
from assay.evaluation.samples import Answered, Outcome, Passage
from assay.evaluation.scoring import Measured

FORMAT = 1

Json: TypeAlias = dict[str, Any]
Scores: TypeAlias = Mapping[str, Measured]


def encode_case(case: Case) -> Json:
    """A case as an object; its inverse is ``decode_case``."""
    return {"format": FORMAT} | _object(encode(case, Case))


def decode_case(value: object) -> Case:
    case: Case = decode(_unversioned(value), Case)
    return case


def encode_outcome(outcome: Outcome) -> Json:
    """``{"format", "answered": {…}}`` or ``{"format", "failed": {…}}``."""
    return {"format": FORMAT} | _object(encode(outcome, Outcome))


def decode_outcome(value: object) -> Outcome:
    found: Outcome = decode(_unversioned(value), Outcome)
    return found


def encode_scores(scores: Scores) -> Json:
    """A Measured by metric: ``{"format", "scores": {"faithfulness": {"score": {"scored": 1.0}, …}}}``."""
    return {"format": FORMAT, "scores": encode(scores, Scores)}


def decode_scores(value: object) -> dict[str, Measured]:
    found: dict[str, Measured] = decode(_only(_unversioned(value), "scores")["scores"], Scores)
    return found


def encode_run(run: Run) -> Json:
    """A whole run. Cases and passages stand once each, results name them by position."""
    cases: dict[int, int] = {}
    passages: dict[Passage, int] = {}
    listed: list[Case] = []
    results = []
    for result in run.results:
        at = cases.setdefault(id(result.case), len(cases))
        if at == len(listed):
            listed.append(result.case)
        results.append(_encode_result(result, at, passages))
    return {
        "format": FORMAT,
        "run": _object(encode(replace(run, results=()), Run)),
        "cases": [encode(case, Case) for case in listed],
        "passages": [encode(passage, Passage) for passage in passages],
        "results": results,
    }


def decode_run(value: object) -> Run:
    """The inverse of ``encode_run``. Raises InputError with the place of what is wrong."""
    found = _only(_unversioned(value), "run", "cases", "passages", "results")
    # An empty list of results is a field without a default: it stands in the run itself.
    run: Run = _within("run", Run, found["run"])
    cases = _each("cases", Case, found["cases"])
    passages = _each("passages", Passage, found["passages"])
    listed = found["results"]
    if not isinstance(listed, list):
        raise InputError("$.results: a list is expected")
    results = []
    for number, item in enumerate(listed):
        try:
            results.append(_decode_result(item, cases, passages))
        except InputError as error:
            raise InputError(f"$.results[{number}]{str(error).removeprefix('$')}") from None
    return replace(run, results=tuple(results))


def dumped(value: object) -> str:
    """JSON text of an encoded value, compact. What UTF-8 cannot say (lone surrogates) is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text


def loaded(text: str) -> Any:
    """The JSON value of a text. Raises InputError where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}") from error


def _encode_result(result: Result, case: int, passages: dict[Passage, int]) -> Json:
    outcome = result.outcome
    if isinstance(outcome, Answered) and outcome.passages is not None:
        numbers = [passages.setdefault(passage, len(passages)) for passage in outcome.passages]
        body = encode(replace(outcome, passages=None), Outcome)
        body["answered"]["passages"] = numbers
    else:
        body = encode(outcome, Outcome)
    return {"case": case, "repeat": result.repeat, "outcome": body, "scores": encode(result.scores, Scores)}


def _decode_result(value: object, cases: tuple[Case, ...], passages: tuple[Passage, ...]) -> Result:
    found = _only(value, "case", "repeat", "outcome", "scores")
    body = found["outcome"]
    numbers: tuple[int, ...] | None = None
    if isinstance(body, dict) and isinstance(body.get("answered"), dict):
        answered = dict(body["answered"])
        numbers = decode(answered.pop("passages", None), tuple[int, ...] | None)
        body = {**body, "answered": answered}
    outcome: Outcome = decode(body, Outcome)
    if numbers is not None and isinstance(outcome, Answered):
        outcome = replace(outcome, passages=tuple(_at(passages, number, "passages") for number in numbers))
    case = _at(cases, decode(found["case"], int), "cases")
    return Result(case, decode(found["repeat"], int), outcome, decode(found["scores"], Scores))


def _at(items: tuple[Any, ...], number: int, name: str) -> Any:
    if not 0 <= number < len(items):
        raise InputError(f"$: {name} has no number {number}")
    return items[number]


def _each(name: str, kind: Any, value: object) -> tuple[Any, ...]:
    found: tuple[Any, ...] = _within(name, tuple[kind, ...], value)
    return found


def _within(name: str, kind: Any, value: object) -> Any:
    try:
        return decode(value, kind)
    except InputError as error:
        raise InputError(f"$.{name}{str(error).removeprefix('$')}") from None


def _unversioned(value: object) -> Json:
    """The value without its format. Raises InputError for one that this version does not know."""
    if not isinstance(value, dict):
        raise InputError("$: an object is expected")
    found = value.get("format")
    if found != FORMAT or isinstance(found, bool):
        newer = isinstance(found, int) and found > FORMAT
        mend = "upgrade Assay to read it" if newer else "it was not written by Assay, or is damaged"
        raise InputError(f"$.format: {found!r} is not the format {FORMAT} that is known here; {mend}")
    return {key: item for key, item in value.items() if key != "format"}


def _only(value: object, *keys: str) -> Json:
    if not isinstance(value, dict):
        raise InputError("$: an object is expected")
    if unknown := [key for key in value if key not in keys]:
        raise InputError(f"$: unknown key {unknown[0]!r}; known: {', '.join(keys)}")
    if missing := [key for key in keys if key not in value]:
        raise InputError(f"$: {', '.join(missing)} missing")
    return value


def _object(value: object) -> Json:
    assert isinstance(value, dict)
    return value
