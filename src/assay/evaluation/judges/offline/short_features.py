"""What of a question, a short expected answer and an answer tells whether the answer is right.

Each feature is a share in [0, 1], a mark of 0 or 1, a small count or a logarithm of one; -1 (or 2 for
``nearest``) stands where there is nothing to measure. Nothing here depends on where an answer came from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import log1p

from assay.evaluation.judges.offline.matching import Alignment, align, date_of, is_year, same, spans
from assay.evaluation.judges.offline.normalising import Token, content, tokens
from assay.language.segments import segment

_HEDGE = re.compile(
    r"\b(?:not (?:sure|clear|certain|known|aware)|unclear|unknown|uncertain|may have|might|possibly|"
    r"no (?:information|specific|definitive|clear|such|single)|"
    r"(?:do|does|did|is|are|was|were|could|can) ?(?:not|n['\u2019]t)|cannot|knowledge cutoff|as an ai|unfortunately|"
    r"sorry|apologi[sz]e|more (?:context|information)|it depends|depending)\b",
    re.IGNORECASE,
)
_ASKED = {
    "many": re.compile(
        r"\bhow (?:many|much|long|old|often|tall|far|big|large|high|deep|fast)\b"
        r"|\b(?:number|amount|percentage|population) of\b",
        re.IGNORECASE,
    ),
    "where": re.compile(
        r"\bwhere\b|\b(?:what|which) (?:city|country|state|place|county|continent|island)\b", re.IGNORECASE
    ),
}
_BRACKETED = re.compile(r"[(\[][^()\[\]]*[)\]]")
# What follows a main clause to set something against it; what is named only there is not the answer.
_PASSING = re.compile(
    r"(?<=[\w)\"])[,;]?\s+(?:(?:even )?though|although|whereas|despite|unlike|except for|apart from|in contrast to|"
    r"as opposed to|not to be confused with)\s[^,.;]*",
    re.IGNORECASE,
)
_EDGES = ".,;:!?()\"'"
_ALIKE = 0.8  # two words at least this much alike are one when precision is counted


@dataclass(frozen=True, slots=True)
class Reading:
    """A case in tokens. ``aliases`` and ``written`` go together: the tokens of a form, the alias it is a form of."""

    question: str
    text: str
    asked: frozenset[str]
    aliases: tuple[tuple[Token, ...], ...]
    written: tuple[str, ...]
    answer: tuple[Token, ...]
    sentences: tuple[str, ...]
    aligned: tuple[Alignment, ...]

    def new(self, token: Token) -> bool:
        """Whether the question does not have the token."""
        return token.key not in self.asked


def read(question: str | None, aliases: Sequence[str], answer: str) -> Reading:
    """Bring the texts of a case to tokens; aliases that hold no word are left out."""
    asking = question or ""
    words = f"{_BRACKETED.sub(lambda m: f' {m[0][1:-1]} ', ' '.join(aliases))} {asking}".lower().split()
    known = frozenset(word.strip(_EDGES) for word in words)
    sentences = tuple(part.of(answer) for part in segment(answer))
    said = tuple(t for i, sentence in enumerate(sentences) for t in _said(sentence, known, i))
    forms: dict[tuple[str, ...], tuple[tuple[Token, ...], str]] = {}
    for alias in aliases:
        for form in dict.fromkeys((alias, _BRACKETED.sub(" ", alias).strip())):
            if made := tuple(content(tokens(form, known=known))):
                forms.setdefault(tuple(token.key for token in made), (made, alias))
    made_forms = tuple(made for made, _ in forms.values())
    return Reading(
        question=asking,
        text=answer,
        asked=frozenset(token.key for token in tokens(asking)),
        aliases=made_forms,
        written=tuple(alias for _, alias in forms.values()),
        answer=said,
        sentences=sentences,
        aligned=tuple(align(made, said) for made in made_forms),
    )


def _said(sentence: str, known: frozenset[str], number: int) -> list[Token]:
    """The tokens of a sentence, those of its clauses in passing marked."""
    found, start = [], 0
    for clause in _PASSING.finditer(sentence):
        found += tokens(sentence[start : clause.start()], known=known, sentence=number)
        found += tokens(clause[0], known=known, sentence=number, passing=True)
        start = clause.end()
    return [*found, *tokens(sentence[start:], known=known, sentence=number)]


def best(case: Reading) -> int:
    """The index of the form that the answer holds best: word for word, then by what the question does not have.

    Raises ValueError where no alias holds a word.
    """
    return max(range(len(case.aligned)), key=lambda i: _rank(case.aligned[i], case))


def features(case: Reading) -> dict[str, float]:
    """The features of a case by name. Raises ValueError where no alias holds a word."""
    held = content(list(case.answer))
    return {
        **_of_alias(case.aligned[best(case)], case),
        "share_matched": sum(found.recall >= 0.99 for found in case.aligned) / len(case.aligned),
        "length": log1p(len(case.answer)),
        "hedge_first": float(bool(case.sentences and _HEDGE.search(case.sentences[0]))),
        **_of_said(case, held),
        **_of_numbers(case, held),
        **_of_dates(case, held),
        **{kind: float(bool(pattern.search(case.question))) for kind, pattern in _ASKED.items()},
    }


def _rank(found: Alignment, case: Reading) -> tuple[float, ...]:
    new = [how for token, how in zip(found.alias, found.how, strict=True) if case.new(token)]
    recall_new = sum(new) / len(new) if new else -1.0
    return float(found.whole is not None), float(found.joined), recall_new * found.recall, found.recall


def _of_alias(found: Alignment, case: Reading) -> dict[str, float]:
    """How one form of the expected answer stands in the answer: how much of it, where, how close together."""
    wanted, how = found.alias, found.how
    new = [i for i, token in enumerate(wanted) if case.new(token)]
    weights = [_weight(token) * (1.0 if case.new(token) else 0.25) for token in wanted]
    at = [found.answer[place].sentence for place in found.where if place is not None]
    return {
        "joined": float(found.joined),
        "recall": found.recall,
        "recall_weighted": sum(w * h for w, h in zip(weights, how, strict=True)) / sum(weights),
        "missing_new": float(sum(how[i] < 0.5 for i in new)),
        "n_new": float(len(new)),
        "head": how[0],
        "last": how[-1],
        "proper_share": sum(token.proper for token in wanted) / len(wanted),
        "one_sentence": max(map(at.count, at), default=0) / len(wanted),
        "sentence_at": float(min(at, default=9)),
        "likeness": _likeness([t.key for t in wanted], [t.key for t in found.answer]),
    }


def _weight(token: Token) -> float:
    """How much a word tells: a number most, then names and long words."""
    return 2.0 if token.value is not None else 0.5 + min(len(token.key), 10) / 10 + 0.5 * token.proper


def _likeness(alias: Sequence[str], answer: Sequence[str]) -> float:
    """Dice's coefficient of the character trigrams of the alias and of the best run of as many words."""
    grams = _grams(alias)
    runs = (_grams(answer[at : at + len(alias)]) for at in range(max(1, len(answer) - len(alias) + 1)))
    return max((2 * len(grams & run) / (len(grams) + len(run)) for run in runs), default=0.0)


def _grams(keys: Sequence[str]) -> frozenset[str]:
    padded = f" {' '.join(keys)} "
    return frozenset(padded[i : i + 3] for i in range(max(1, len(padded) - 2)))


def _of_said(case: Reading, held: Sequence[Token]) -> dict[str, float]:
    """What the answer says that the question does not, held against what was expected.

    The ``lead`` is the first sentence that says anything new: an answer that names somebody else there
    is hardly right by a mention further down.
    """
    expected = {token.key: token for alias in case.aliases for token in alias}
    core = list(dict.fromkeys(token for token in held if case.new(token)))
    lead = [token for token in core if token.sentence == core[0].sentence]
    names, lead_names = ([token for token in part if token.proper] for part in (core, lead))
    wanted = {key for key in expected if key not in case.asked}
    said = {token.key for token in held}

    def precision(part: Sequence[Token], empty: float = -1.0) -> float:
        right = sum(t.key in expected or any(same(w, t) >= _ALIKE for w in expected.values()) for t in part)
        return right / len(part) if part else empty

    return {
        "core_precision": precision(core, 0.0),
        "names": float(min(len(names), 20)),
        "name_precision": precision(names),
        "lead_name_precision": precision(lead_names),
        "first_name_held": precision(lead_names[:1]),
        "union_recall": len(wanted & said) / len(wanted) if wanted else -1.0,
    }


def _of_numbers(case: Reading, held: Sequence[Token]) -> dict[str, float]:
    """Numbers and years: the same, near, in a range that was expected or that the answer gives."""
    wanted = {t.value: t for alias in case.aliases for t in alias if t.value is not None and case.new(t)}
    given = {t.value: t for t in held if t.value is not None and case.new(t)}
    years = [value for value, token in wanted.items() if is_year(token)]
    ranges = [span for alias in case.aliases for span in spans(alias)]
    nearest = min((abs(a - b) / max(abs(a), abs(b), 1.0) for a in wanted for b in given), default=2.0)
    return {
        "wanted_numbers": float(len(wanted)),
        "given_numbers": float(min(len(given), 10)),
        "number_precision": len(wanted.keys() & given.keys()) / len(given) if given and wanted else -1.0,
        "first_number": float(next(iter(given)) in wanted) if given and wanted else -1.0,
        "nearest": min(nearest, 2.0),
        "near_5": float(0.011 < nearest <= 0.05),
        "within": float(any(low <= value <= high for low, high in ranges for value in given)),
        "said_within": float(any(low <= year <= high for low, high in spans(held) for year in years)),
        "wanted_year": float(bool(years)),
        "given_year": float(any(map(is_year, given.values()))),
    }


def _of_dates(case: Reading, held: Sequence[Token]) -> dict[str, float]:
    """The share of year, month and day that agree, and whether nothing conflicts, each in the alias that does best."""
    said = date_of(held)
    agree, clear = -1.0, -1.0
    for alias in case.aliases:
        parts = [(a, b) for a, b in zip(date_of(alias), said, strict=True) if a is not None]
        if parts:
            agree = max(agree, sum(a == b for a, b in parts) / len(parts))
            clear = max(clear, float(all(b is None or a == b for a, b in parts)))
    return {"date_agree": agree, "date_clear": clear}
