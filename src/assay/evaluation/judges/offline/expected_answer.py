"""What was expected, taken apart: its aliases, and whether it is short or long."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

from assay.language.segments import segment

Form: TypeAlias = Literal["short", "long"]

SHORT_WORDS = 12
"""An alias of more words than this, or of more than one sentence, is a long expected answer."""
_SHORT_LENGTH = 400  # characters, where nothing parts the words: each is looked for at every place of an answer

# A stroke that belongs to what it stands in: an address, a fraction, a numeric date, a rate, one name.
_INSEPARABLE = re.compile(
    r"\b\w+://\S+"
    r"|(?<![\d/.])\d{1,2}/\d{1,2}/\d{2,4}(?![\d/])"
    r"|(?<![\d/.])(?:1/(?:2|3|4|5|6|8|10|16)|2/(?:3|5)|3/(?:4|5|8)|[457]/8|[45]/[56])(?![\d/])"
    r"|\b(?:km|mi|mile|miles|m|ft|feet|[kmgt]?bits?|[kmgt]?b|l|kg|mg|g|\$|mol|w|rad)/(?:h|hr|hour|s|sec|second|min|minute|"
    r"day|year|l|ml|kg|m|m2|mol)\b"
    r"|\b(?:ac/dc|tcp/ip|and/or|he/she|she/her|n/a|i/o|c/o|24/7|9/11|os/2)\b",
    re.IGNORECASE,
)
_HELD = "\ue000"


def aliases(expected: str | Sequence[str]) -> tuple[str, ...]:
    """The texts any of which is right, as written, without repetition.

    A sequence holds one alias an item. In a single text "/" separates aliases, as in the open sets of
    questions with short answers, unless it belongs to a fraction, a date, a rate or an address, or the
    text is long: "and/or" in a paragraph separates nothing.
    """
    if not isinstance(expected, str):
        return tuple(dict.fromkeys(text for item in expected if (text := item.strip())))
    whole = expected.strip()
    held = _INSEPARABLE.sub(lambda found: found[0].replace("/", _HELD), whole)
    parts = [text.replace(_HELD, "/") for part in held.split("/") if (text := part.strip())]
    if not all(form(part) == "short" for part in parts):
        return (whole,)
    return tuple(dict.fromkeys(parts)) or ((whole,) if whole else ())


def form(alias: str) -> Form:
    """``short``: at most SHORT_WORDS words in a single sentence or line; ``long`` otherwise."""
    short = len(alias) <= _SHORT_LENGTH and len(alias.split()) <= SHORT_WORDS and len(segment(alias)) <= 1
    return "short" if short else "long"
