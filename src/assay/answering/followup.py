"""A question that leans on the turns before it, made to stand alone for the search."""

from __future__ import annotations

import re

from assay.answering.events import Question
from assay.language.terms import asked, terms

_LEANING = re.compile(
    r"\b(?:it|its|they|them|their|theirs|this|that|these|those|he|him|his|she|her|hers|there|one|ones|former|latter"
    r"|same|else)\b|^\W*(?:and|but|or|so|then|what about|how about|why)\b",
    re.IGNORECASE,
)
_FEW = 2


def standalone(question: Question) -> str:
    """What to search for: the question, after the user's last turn where it would say too little alone.

    It does if it holds a pronoun, opens like a continuation, or has at most two words of
    content. A rule, not a model: it costs nothing and works offline; a wrong guess adds
    words to the query and takes none away.
    """
    text = question.text.strip()
    before = next((turn.text.strip() for turn in reversed(question.history) if turn.role == "user"), "")
    if not before or not (_LEANING.search(text) or len(asked(text)) <= _FEW or not terms(text)):
        return text
    return f"{before}\n{text}"
