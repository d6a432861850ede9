"""Which sentences of a draft only lead to others and claim nothing.

"Here is what the passages say:", a heading, the head of a table. Such words need no
support, but are shown only before a sentence that has it. They may hold no number, no
negation, and no word that neither the question nor the evidence has; anything else is a
claim. "Yes." and "No." are claims.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from assay.language.segments import Unit
from assay.language.terms import numbers, stem, terms

_TABLE_HEAD = re.compile(r"^[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\||$)", re.MULTILINE)
_NEGATION = re.compile(r"\b(?:not|no|never|none|without|cannot|nor|neither|unable|yes)\b|n['’]t\b", re.IGNORECASE)


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_FRAME = frozenset(
    map(
        stem,
        _listed("""according additional additionally answer answers based below brief briefly conclusion context
        detail details document documentation documents excerpt excerpts explanation following follows found
        here hope helps information key main material overall passage passages point points provided
        question relevant said says short source sources stated states step steps sum summarize summary
        text"""),
    )
)


def frames(text: str, unit: Unit, known: Collection[str]) -> bool:
    """Whether ``text`` only leads to what follows. ``known`` holds the terms of question and evidence."""
    found = terms(text)
    if unit is Unit.CODE or numbers(text) or _NEGATION.search(text):
        return False
    if all(term in _FRAME for term in found):
        return True
    leads = unit is Unit.HEADING or _TABLE_HEAD.search(text) is not None or text.rstrip("*_ ").endswith((":", "："))
    return leads and all(term in _FRAME or term in known for term in found)
