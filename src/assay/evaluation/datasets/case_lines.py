"""A case as a JSON object: the keys of a dataset's line, read strictly and written stably."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from assay.digest import canonical, digest
from assay.errors import InputError
from assay.evaluation.cases import Case, ExpectedCall
from assay.evaluation.datasets.jsonl import parse_object, shown
from assay.messages import Turn

KEYS = (
    "id",
    "question",
    "expected",
    "relevant",
    "answerable",
    "history",
    "access",
    "calls",
    "state",
    "tags",
    "provenance",
    "cluster",
)
"""In the order in which they are written."""

_MEANT = {
    "answer": "expected",
    "answers": "expected",
    "reference": "expected",
    "ground_truth": "expected",
    "output": "expected",
    "text": "question",
    "query": "question",
    "input": "question",
    "prompt": "question",
    "documents": "relevant",
    "sources": "relevant",
    "gold": "relevant",
    "messages": "history",
    "groups": "access",
    "tools": "calls",
    "metadata": "tags",
    "labels": "tags",
}
"""What other tools call it, where the spelling would not tell."""

# Other programs end lines at these; inside a JSON string the escape says the same.
_SEPARATORS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})

_T = TypeVar("_T")


def read_case(value: Mapping[str, Any], place: str) -> Case:
    """The case that an object of a dataset is; null is the same as leaving the key out.

    ``expected`` is one text, or a list of texts of which each is right. Without ``id`` a case is named by
    the digest of what is asked (question, history, access): the name stays when other lines come and go,
    or when its answer is mended. A whole number is taken as an id too. Raises InputError, which begins with
    ``place``, for an unknown key, and for a value that is not of its key's kind.
    """
    unknown(value, KEYS, place)

    def optional(key: str, reader: Callable[[Any, str, str], _T]) -> _T | None:
        return None if value.get(key) is None else reader(value[key], key, place)

    question = _text(value.get("question"), "question", place) if "question" in value else None
    if question is None:
        raise InputError(f'{place}: "question" is missing; every case asks something')
    history = history_of(value.get("history"), place)
    access = optional("access", _texts)
    return Case(
        id=optional("id", _id) or default_id(question, history, access),
        question=question,
        expected=optional("expected", _expected),
        relevant=optional("relevant", _texts),
        answerable=optional("answerable", _truth),
        history=history,
        access=access,
        calls=optional("calls", _calls),
        state=value.get("state"),
        tags=optional("tags", _tags) or {},
        provenance=optional("provenance", _object) or {},
        cluster=optional("cluster", _text),
    )


def default_id(question: str, history: tuple[Turn, ...], access: tuple[str, ...] | None) -> str:
    """The id of a case that was given none: it tells what is asked, and by whom."""
    asked = [question, [[turn.role, turn.text] for turn in history], None if access is None else sorted(access)]
    return f"q-{digest(asked)[:12]}"


def history_of(value: Any, place: str, *, exact: bool = True) -> tuple[Turn, ...]:
    """Earlier turns from a list of {"role", "text"}; none for null.

    ``exact`` False lets a turn hold other keys too. Raises InputError, which begins with ``place``.
    """
    if value is None:
        return ()
    mend = '"history" is a list of {"role", "text"}'
    if not isinstance(value, list):
        raise InputError(f"{place}: {mend}, not {shown(value)}")
    turns = []
    for number, turn in enumerate(value, 1):
        if not isinstance(turn, dict) or not isinstance(turn.get("text"), str):
            raise InputError(f"{place}: {mend}; turn {number} is not one")
        if turn.get("role") not in ("user", "assistant"):
            raise InputError(f'{place}: {mend}; the role of turn {number} is "user" or "assistant"')
        if exact:
            unknown(turn, ("role", "text"), f"{place}: turn {number} of the history")
        turns.append(Turn(turn["role"], turn["text"]))
    return tuple(turns)


def unknown(value: Mapping[str, Any], known: tuple[str, ...], place: str) -> None:
    """Raise InputError for a key that is not known, with the one that was probably meant."""
    for key in value:
        if key not in known:
            meant = _MEANT.get(key.lower())
            near = [meant] if meant in known else difflib.get_close_matches(key, known, n=1, cutoff=0.6)
            hint = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(known)}"
            raise InputError(f'{place}: there is no key "{key}"; {hint}')


def case_as_dict(case: Case) -> dict[str, Any]:
    """The object that ``read_case`` reads as this case; what is unknown or empty is left out."""
    expected = case.expected
    found: dict[str, Any] = {
        "id": case.id,
        "question": case.question,
        "expected": expected[0] if expected is not None and len(expected) == 1 else _listed(expected),
        "relevant": _listed(case.relevant),
        "answerable": case.answerable,
        "history": [{"role": turn.role, "text": turn.text} for turn in case.history] or None,
        "access": _listed(case.access),
        "calls": None
        if case.calls is None
        else [{"name": call.name, "arguments": _plain(call.arguments)} for call in case.calls],
        "state": _plain(case.state),
        "tags": dict(sorted(case.tags.items())) or None,
        "provenance": _plain(case.provenance) or None,
        "cluster": case.cluster,
    }
    return {key: value for key, value in found.items() if value is not None}


def line_of(case: Case) -> str:
    """The case's line, without its line feed; equal cases have equal lines.

    Raises InputError for a case that could not be read again: an empty text, a state that is not JSON.
    """
    place = f"case {case.id!r}"
    try:
        text = json.dumps(case_as_dict(case), ensure_ascii=False, allow_nan=False).translate(_SEPARATORS)
    except (TypeError, ValueError) as error:
        raise InputError(f"{place}: cannot be written: {error}") from error
    read_case(parse_object(text, place), place)
    return text


def _listed(texts: tuple[str, ...] | None) -> list[str] | None:
    return None if texts is None else list(texts)


def _plain(value: Any) -> Any:
    """With sorted keys and one spelling for each number, so that equal values give equal bytes."""
    return json.loads(canonical(value))


def _text(value: Any, key: str, place: str) -> str:
    if not isinstance(value, str):
        raise InputError(f'{place}: "{key}" is a text in quotes, not {shown(value)}')
    if not value.strip():
        raise InputError(f'{place}: "{key}" is empty; fill it in, or leave the {_unit(key)} out')
    return value


def _unit(key: str) -> str:
    return "case" if key == "question" else "key"


def _id(value: Any, key: str, place: str) -> str:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if whole else _text(value, key, place)


def _texts(value: Any, key: str, place: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        mend = f"; write [{shown(value)}]" if isinstance(value, str) else ""
        what = "document ids" if key == "relevant" else "texts"
        raise InputError(f'{place}: "{key}" is a list of {what}, not {shown(value)}{mend}')
    texts = tuple(_text(each, key, place) for each in value)
    if len(set(texts)) < len(texts):
        twice = next(text for text in texts if texts.count(text) > 1)
        raise InputError(f'{place}: "{key}" holds {shown(twice)} twice; keep one')
    return texts


def _expected(value: Any, key: str, place: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return (_text(value, key, place),)
    if not isinstance(value, list):
        mend = f'; write "{value}"' if isinstance(value, int | float) and not isinstance(value, bool) else ""
        raise InputError(f'{place}: "{key}" is a text, or a list of texts of which each is right{mend}')
    if not value:
        raise InputError(f'{place}: "{key}" is an empty list; name an answer, or leave the key out')
    return _texts(value, key, place)


def _truth(value: Any, key: str, place: str) -> bool:
    if not isinstance(value, bool):
        raise InputError(f'{place}: "{key}" is true or false, not {shown(value)}')
    return value


def _object(value: Any, key: str, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f'{place}: "{key}" is an object such as {{"…": "…"}}, not {shown(value)}')
    return value


def _tags(value: Any, key: str, place: str) -> dict[str, str]:
    for name, tag in _object(value, key, place).items():
        if not isinstance(tag, str):
            mend = "" if isinstance(tag, dict | list) else f"; write {json.dumps(json.dumps(tag))}"
            raise InputError(f'{place}: the tag "{name}" is a text in quotes, not {shown(tag)}{mend}')
    return dict(value)


def _calls(value: Any, key: str, place: str) -> tuple[ExpectedCall, ...]:
    if not isinstance(value, list):
        raise InputError(f'{place}: "{key}" is a list of {{"name", "arguments"}}, not {shown(value)}')
    calls = []
    for number, call in enumerate(value, 1):
        where = f"{place}: call {number}"
        if not isinstance(call, dict) or not isinstance(call.get("name"), str) or not call["name"].strip():
            raise InputError(f'{where}: {{"name", "arguments"}} with a name is expected, not {shown(call)}')
        unknown(call, ("name", "arguments"), where)
        arguments = call.get("arguments")
        calls.append(ExpectedCall(call["name"], {} if arguments is None else _object(arguments, "arguments", where)))
    return tuple(calls)
