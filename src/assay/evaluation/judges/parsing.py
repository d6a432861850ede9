"""Reading a judge's reply.

Models put JSON into fences, write before and behind it, leave a comma too many, or say only "Yes.".
All of that is read. What is not read is guessed at never: a reply that gives no value, a value off
the scale, or two values that differ is InvalidOutput, and the judge is asked once more. Reading takes time in
proportion to a reply's length, whatever stands in it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from assay.errors import InvalidOutput
from assay.evaluation.judges.forms import COUNTED, ClaimCounts, ClaimList, ClaimVerdicts, Form, Scale, Verdicts
from assay.scores import Score, Scored, Unscored

PARSER_REVISION = 3
"""Grows when the same reply is read differently; kept verdicts depend on it."""

NO_CLAIMS = "there is no claim to judge"
EXTRACTED = "claims are taken out here, not judged"

_LONGEST = 200_000  # characters of a reply that are looked at
_FALSE_STARTS = 200  # brackets that open no JSON
_RETRACED = 4  # times the reply's length that may be gone over for nothing
_THOUGHT = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
# Only where no object has begun: what a judge quotes of the answer must not cut its own verdict off.
_UNOPENED = re.compile(r"\A[^{]*</(?:think|thinking|reasoning)>", re.DOTALL | re.IGNORECASE)
# A string that has begun is never given back: otherwise each quote of one without an end is read to the end anew.
_COMMA = re.compile(r'("[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z))|,(\s*[}\]])', re.DOTALL)
# A comma before three digits may group thousands or begin decimals: not a number here.
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+|,\d{1,2}(?!\d))?")
_SCORE = re.compile(rf"{_NUMBER.pattern}(?:\s*(?:/|out of)\s*{_NUMBER.pattern})?(?![\w/])")
_LABELLED = re.compile(
    r"(?:verdict|score|rating|winner)\W{0,4}(?:\bis\b\W*|:\s*|=\s*)\W{0,3}([^\n]{1,60})", re.IGNORECASE
)
_BRACKET = re.compile(r"[{\[]")
_OPENED = re.compile(r'\{\s*"|\[\s*[{"]')
_VERDICT_KEYS = ("verdict", "winner", "judgement", "judgment", "label", "answer", "result", "value", "score")
_SCORE_KEYS = ("score", "rating", "value", "result", "verdict")
_YES = frozenset(("yes", "true", "supported", "y", "1"))
_NO = frozenset(("no", "false", "unsupported", "not supported", "contradicted", "n", "0"))


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply says. ``detail`` is JSON-like: ``claims`` for lists of claims, ``tp``, ``fp`` and ``fn`` for
    counts, ``verdict`` for the word that was said."""

    score: Score
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


class _Unreadable(Exception):
    """Why a reply is not one, in words for the model and for people."""


def read(reply: str, form: Form, model: str) -> Reading:
    """What ``reply`` says in the given form.

    Raises InvalidOutput, naming ``model`` and what is wrong, in words that can be told to the model.
    """
    text = reply[:_LONGEST].strip()
    if not text.startswith("{"):
        text = _UNOPENED.sub(" ", _THOUGHT.sub(" ", text)).strip()
    try:
        match form:
            case Verdicts() | Scale():
                return _value(text, form)
            case ClaimVerdicts():
                return _claim_verdicts(text)
            case ClaimList():
                return _claim_list(text)
            case ClaimCounts():
                return _claim_counts(text)
    except _Unreadable as error:
        raise InvalidOutput(str(error), model=model) from error
    except RecursionError as error:
        raise InvalidOutput("its JSON is nested too deeply", model=model) from error


def _value(text: str, form: Verdicts | Scale) -> Reading:
    """A verdict or a number, from JSON where there is any and else from bare words."""
    keys = _SCORE_KEYS if isinstance(form, Scale) else _VERDICT_KEYS
    said = [(found, raw) for found in _objects(text) if (raw := _first(found, keys)) is not None]
    if said:
        values = [_valued(raw, form) for _, raw in said]
        if len(set(values)) > 1:
            raise _Unreadable("it gives several values that differ")
        found, raw = said[-1]
        return Reading(Scored(values[-1]), _reason(found), {"verdict": raw} if isinstance(raw, str) else {})
    return Reading(Scored(_bare(text, form)), text[:500])


def _valued(raw: object, form: Verdicts | Scale) -> float:
    if isinstance(form, Scale):
        return _on_scale(raw, form)
    if isinstance(raw, bool) or raw in (0, 1):
        raw = "yes" if raw else "no"
    if not isinstance(raw, str):
        raise _Unreadable(f"the verdict {_short(raw)} is not one of {_words(form)}")
    return _word(raw, form)


def _word(said: str, form: Verdicts) -> float:
    known = {_plain(word): value for word, value in form.values.items()}
    word = _plain(said)
    if word not in known and known.keys() == {"yes", "no"}:
        word = "yes" if word in _YES else "no" if word in _NO else word
    if word not in known:
        raise _Unreadable(f"the verdict {_short(said)} is not one of {_words(form)}")
    return known[word]


def _on_scale(raw: object, form: Scale) -> float:
    if isinstance(raw, str):
        raw = _number(raw, form)
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
        raise _Unreadable(f"the score {_short(raw)} is not a number")
    if not form.low <= raw <= form.high:
        raise _Unreadable(f"the score {raw:g} is not between {form.low:g} and {form.high:g}")
    return (raw - form.low) / (form.high - form.low)


def _number(text: str, form: Scale) -> float:
    """A number alone, or over the scale's end: "4", "4/5", "4 out of 5"."""
    found = re.fullmatch(rf"\W*({_NUMBER.pattern})(?:\s*(?:/|out of|of)\s*({_NUMBER.pattern}))?\W*", text)
    if found is None or (found[2] and float(found[2].replace(",", ".")) != form.high):
        raise _Unreadable(f"the score {_short(text)} is not a number")
    return float(found[1].replace(",", "."))


def _bare(text: str, form: Verdicts | Scale) -> float:
    """A value without JSON: the whole reply, or what follows "Verdict:" or "Score:", or the first word."""
    labelled = _LABELLED.findall(text)
    if isinstance(form, Scale):
        starts = [found[0] for part in labelled if (found := _SCORE.match(part))]
        tried = [text, *starts]
    else:
        longest = max(len(word.split()) for word in form.values)
        starts = [" ".join(part.split()[:n]) for part in labelled for n in range(longest, 0, -1)]
        opening = re.match(r"\W*(\w+)\W*[.,:;!\n—–-]", text)
        tried = [*([text] if len(text) < 60 else []), *starts, *([opening[1]] if opening else [])]
    values = []
    for part in tried:
        try:
            values.append(_valued(part, form))
        except _Unreadable:
            continue
    if not values:
        raise _Unreadable("it holds no JSON object with a value")
    if len(set(values)) > 1:
        raise _Unreadable("it gives several values that differ")
    return values[0]


def _claim_verdicts(text: str) -> Reading:
    claims = [{**_claim(raw), "supported": _supported(raw)} for raw in _claims(text)]
    # Small models list the question that they were shown. The rubrics say that it is no claim.
    claims = [claim for claim in claims if not claim["claim"].endswith("?")] or claims
    if not claims:
        return Reading(Unscored(NO_CLAIMS), detail={"claims": []})
    share = sum(claim["supported"] for claim in claims) / len(claims)
    return Reading(Scored(share), detail={"claims": claims})


def _claim_list(text: str) -> Reading:
    return Reading(Unscored(EXTRACTED), detail={"claims": [_claim(raw) for raw in _claims(text)]})


def _claim_counts(text: str) -> Reading:
    form = Verdicts({"right": 1.0, "wrong": 0.0})
    found = [each for each in _objects(text) if "verdict" in each and all(name in each for name in COUNTED)]
    if not found:
        raise _Unreadable('it holds no JSON object with "right", "wrong", "missing" and "verdict"')
    if len({_valued(each["verdict"], form) for each in found}) > 1:
        raise _Unreadable("it gives several verdicts that differ")
    last = found[-1]
    value = _valued(last["verdict"], form)
    lists = {name: _texts(last[name], name) for name in COUNTED}
    tp, fp, fn = (len(lists[name]) for name in COUNTED)
    detail = {"verdict": last["verdict"], "tp": tp, "fp": fp, "fn": fn, **lists}
    return Reading(Scored(value), _reason(last), detail)


def _claims(text: str) -> list[Any]:
    """The list of claims: in an object, bare, or without its brackets, as one object after the other."""
    found = [each["claims"] for each in _objects(text) if isinstance(each.get("claims"), list)]
    if not found:
        found = [each for each in _values(text) if isinstance(each, list) and all(isinstance(x, dict) for x in each)]
    if not found and (loose := _objects(text)) and all("claim" in each for each in loose):
        found = [loose]
    if not found:
        raise _Unreadable('it holds no JSON object with a list "claims"')
    if any(each != found[-1] for each in found):
        raise _Unreadable("it gives several lists of claims that differ")
    chosen: list[Any] = found[-1]
    return chosen


def _claim(raw: object) -> dict[str, Any]:
    if isinstance(raw, str):
        raw = {"claim": raw}
    if not isinstance(raw, dict):
        raise _Unreadable(f"the claim {_short(raw)} is not an object")
    said = _first(raw, ("claim", "quote", "text", "statement"))
    if not isinstance(said, str) or not said.strip():
        raise _Unreadable(f'the claim {_short(raw)} has no text under "claim"')
    quote = raw.get("quote")
    return {"claim": said.strip(), "quote": quote.strip() if isinstance(quote, str) else ""}


def _supported(raw: object) -> bool:
    verdict = _first(raw, ("verdict", "supported", "answer")) if isinstance(raw, dict) else None
    if verdict is None:
        raise _Unreadable(f'the claim {_short(raw)} has no "verdict"')
    return _valued(verdict, Verdicts()) == 1.0


def _texts(raw: object, name: str) -> list[str]:
    if not isinstance(raw, list) or not all(isinstance(each, str | dict) for each in raw):
        raise _Unreadable(f'"{name}" is not a list of texts')
    return [each if isinstance(each, str) else _claim(each)["claim"] for each in raw]


def _first(found: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    lowered = {key.strip().lower(): value for key, value in found.items()}
    return next((lowered[key] for key in keys if lowered.get(key) is not None), None)


def _reason(found: Mapping[str, Any]) -> str:
    reason = _first(found, ("reason", "reasoning", "explanation"))
    return reason.strip()[:2000] if isinstance(reason, str) else ""


def _objects(text: str) -> list[dict[str, Any]]:
    return [value for value in _values(text) if isinstance(value, dict)]


def _values(text: str) -> Iterator[Any]:
    """The JSON objects and arrays in ``text`` that stand in no other, in order.

    Raises _Unreadable where one is broken, and where brackets that open none hide whether there are more.
    """
    text = _COMMA.sub(lambda match: match[1] or match[2], text)
    decoder = json.JSONDecoder(strict=False)
    at = wrong = retraced = 0
    while (start := _BRACKET.search(text, at)) is not None:
        try:
            value, at = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError) as error:
            # An object inside a broken one may be a quotation: the judged text's words, not the judge's.
            if _OPENED.match(text, start.start()):
                raise _Unreadable("its JSON is broken or was cut off") from None
            at, wrong = start.end(), wrong + 1
            retraced += getattr(error, "pos", at) - at
            if wrong > _FALSE_STARTS or retraced > _RETRACED * len(text):
                raise _Unreadable("it holds no JSON that can be told from its many brackets") from None
            continue
        yield value


def _plain(word: str) -> str:
    return " ".join(re.sub(r"[^\w\s]+", " ", word).casefold().split())


def _words(form: Verdicts) -> str:
    return ", ".join(f'"{word}"' for word in form.values)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 80 else text[:77] + "..."
