"""Titles: which documents a text names."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from typing import TypeAlias

Form: TypeAlias = tuple[str, ...]
"""The words of a title as they are compared."""

_WORD = re.compile(r"[^\W_]+")
_POSSESSIVE = re.compile(r"['’][sS]\b")
_QUALIFIER = re.compile(r"\s*\([^)]*\)\s*$")
_LETTERS = str.maketrans(
    {"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe"}
)


def words(text: str) -> Form:
    """The words of a text: case kept, accents and a possessive 's removed."""
    if not text.isascii():
        plain = unicodedata.normalize("NFKD", text.translate(_LETTERS))
        text = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return tuple(_WORD.findall(_POSSESSIVE.sub(" ", text)))


def bare(title: str) -> str:
    """A title without its qualifier: "Ryan Adams (singer)" is named "Ryan Adams"."""
    return _QUALIFIER.sub("", title)


class Titles:
    """The titles of a corpus, found in running text: the longest match wins, from left to right.

    Case counts, since a title that is a common word would otherwise be named everywhere.
    """

    def __init__(self, titled: Iterable[tuple[str, str]]) -> None:
        """``titled``: (document, title) pairs."""
        documents: dict[Form, list[str]] = defaultdict(list)
        for document, title in titled:
            if title:
                for form in {words(title), words(bare(title))}:
                    if form:
                        documents[form].append(document)
        self._documents = dict(documents)
        lengths: dict[str, set[int]] = defaultdict(set)
        for form in documents:
            lengths[form[0]].add(len(form))
        self._lengths = {first: sorted(found, reverse=True) for first, found in lengths.items()}

    def documents(self, form: Form) -> list[str]:
        """The documents that are called so."""
        return self._documents.get(form, [])

    def named_in(self, text: str) -> list[Form]:
        """The distinct titles that a text names, in order."""
        found: dict[Form, None] = {}
        tokens, free = words(text), 0
        for at, token in enumerate(tokens):
            if at >= free and token in self._lengths:
                form = self._at(tokens, at)
                if form is not None:
                    found[form] = None
                    free = at + len(form)
        return list(found)

    def _at(self, tokens: Form, at: int) -> Form | None:
        for length in self._lengths[tokens[at]]:
            form = tokens[at : at + length]
            if len(form) == length and form in self._documents:
                return form
        return None
