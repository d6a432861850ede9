"""How a short expected answer stands in an answer: exact, as an alias, by number, nearly, or not.

Pure functions over tokens in one spelling (``normalising``). An *alignment* says which words of one alias
the answer holds and where; initials stand for names, a name's first letters for its long form, a slip
of one letter in a long word for the word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, TypeAlias

from assay.evaluation.judges.offline.normalising import Token, content
from assay.evaluation.judges.offline.spelling import MONTHS

Match: TypeAlias = Literal["exact", "alias", "numeric", "fuzzy", "none"]
"""How an expected answer stands in an answer: the first alias word for word, another one, by its numbers
(in another order: "July 4, 1776" for "4 July 1776"; inside a range: 1974 for "the 1970s"), by most of its
words, or not at all."""


def _pairs(words: str) -> frozenset[frozenset[str]]:
    return frozenset(frozenset(pair.split("-")) for pair in words.split())


_NICKNAMES = _pairs("""bill-william will-william bob-robert rob-robert mike-michael mick-michael tom-thomas jim-james
    jimmy-james joe-joseph dave-david dan-daniel danny-daniel ed-edward eddie-edward ted-edward ted-theodore
    tony-anthony chris-christopher matt-matthew nick-nicholas ben-benjamin sam-samuel steve-stephen steve-steven
    greg-gregory jeff-jeffrey ken-kenneth larry-lawrence ron-ronald ray-raymond rick-richard dick-richard
    rich-richard charlie-charles chuck-charles andy-andrew alex-alexander liz-elizabeth beth-elizabeth
    betty-elizabeth kate-katherine kathy-katherine katie-katherine sue-susan peggy-margaret maggie-margaret
    meg-margaret jenny-jennifer jack-john johnny-john harry-henry hank-henry fred-frederick gus-augustus
    walt-walter abe-abraham pete-peter phil-philip doug-douglas don-donald""")
_PLACES = 100  # where a word of the alias stands oftener than this, the later places are not weighed
NEAR = 0.84
"""Two words of five or more letters are one where the ratio of common letters is at least this."""
_LONGEST = 60  # letters of a word that a slip is looked for in: comparing takes the square of them, or more


@dataclass(frozen=True, slots=True)
class Alignment:
    """One alias against one answer.

    ``alias`` and ``answer`` are the content tokens; ``where`` has for each token of the alias the index in
    the answer of the word that holds it best, or None, and ``how`` the strength of that hold in [0, 1].
    ``whole`` is the index where the alias stands word for word, or None;
    ``joined`` whether it stands so, spaces aside; ``denied`` whether it does only after a negation.
    """

    alias: tuple[Token, ...]
    answer: tuple[Token, ...]
    where: tuple[int | None, ...]
    how: tuple[float, ...]
    whole: int | None
    joined: bool
    denied: bool = False

    @property
    def recall(self) -> float:
        """The share of the alias that the answer holds, in [0, 1]."""
        return sum(self.how) / len(self.how)


def align(alias: Sequence[Token], answer: Sequence[Token]) -> Alignment:
    """Find the words of ``alias`` in ``answer``, as near to each other as they stand."""
    wanted = content(list(alias))
    # "It", "The Who": an expected answer of function words is looked for among function words.
    held = list(answer) if all(token.function for token in wanted) else content(list(answer))
    keys = [token.key for token in held]
    wholes = _contiguous([token.key for token in wanted], keys)
    # "It was not in Paris but in Lyon" does not hold "Paris"; where it also says Paris plainly, it does.
    said = [at for at in wholes if not held[at].denied]
    if wholes and not said:
        return Alignment(tuple(wanted), tuple(held), (None,) * len(wanted), (0.0,) * len(wanted), None, False, True)
    if said:
        whole = said[0]
        at = tuple(range(whole, whole + len(wanted)))
        return Alignment(tuple(wanted), tuple(held), at, (1.0,) * len(wanted), whole, True)
    joined = _joined(wanted, keys)
    if joined is not None:
        return Alignment(tuple(wanted), tuple(held), (joined,) * len(wanted), (0.97,) * len(wanted), None, True)
    options = [
        [(how, i) for i, token in enumerate(held) if not token.denied and (how := same(want, token)) > 0]
        for want in wanted
    ]
    middle = _middle(options)
    where: list[int | None] = []
    surely: list[float] = []
    for found in options:
        best = max(found, key=lambda pair: (pair[0], -abs(pair[1] - middle)), default=None)
        where.append(best[1] if best else None)
        surely.append(best[0] if best else 0.0)
    return Alignment(tuple(wanted), tuple(held), tuple(where), tuple(surely), None, False)


def kind(found: Alignment, *, first: bool) -> Match:
    """The kind of match of an alignment; ``first`` is whether it is of the first alias."""
    if found.joined:
        return "exact" if first else "alias"
    numeric = [how for token, how in zip(found.alias, found.how, strict=True) if token.value is not None]
    if numeric and min(numeric) == 1.0 and found.recall >= 0.5:
        return "numeric"
    said = [token.value for token in found.answer if token.value is not None]
    if any(low <= value <= high for low, high in spans(found.alias) for value in said):
        return "numeric"
    return "fuzzy" if found.recall >= 0.5 and not (numeric and max(numeric) < 1.0) else "none"


def same(want: Token, held: Token) -> float:
    """How surely two tokens are one word: 1 for the same spelling, less for initials, nicknames, slips."""
    a, b = want.key, held.key
    if a == b:
        return 1.0
    if want.value is not None or held.value is not None:
        return 0.0
    if not (a[:1].isalpha() and b[:1].isalpha()):
        return 0.0
    short, long = sorted((a, b), key=len)
    if want.proper and held.proper:
        if len(short) <= 2 and long.startswith(short[0]) and len(long) > 2:
            return 0.5
        if frozenset((a, b)) in _NICKNAMES or (len(short) >= 3 and long.startswith(short)):
            return 0.9
    if len(short) >= 5 and long.startswith(short):
        return 0.85
    if 4 <= len(short) <= _LONGEST and a[0] == b[0] and abs(len(a) - len(b)) <= 3:
        ratio = SequenceMatcher(None, a, b, autojunk=False).ratio()
        if ratio >= NEAR:
            return 0.85
        common = _common_prefix(a, b)
        if common >= 5 and common >= 0.6 * len(long):
            return 0.6
    return 0.0


def date_of(found: Sequence[Token]) -> tuple[int | None, int | None, int | None]:
    """Year, month and day that the tokens state first, in any order; None for what they do not state."""
    year = month = day = None
    for i, token in enumerate(found):
        if month is None and token.key in MONTHS and (token.proper or token.key != "may"):
            month = MONTHS[token.key]
            for near in (i - 1, i + 1):
                if day is None and 0 <= near < len(found) and _is_day(found[near]):
                    day = int(found[near].value or 0)
        if year is None and is_year(token):
            year = int(token.value or 0)
    return year, month, day


def is_year(token: Token) -> bool:
    """Whether the token is a number that is read as a year, 1000 to 2100."""
    return token.value is not None and token.value.is_integer() and 1000 <= token.value <= 2100


def spans(found: Sequence[Token]) -> list[tuple[float, float]]:
    """The ranges of years that the tokens name: decades, centuries, and years with a range between them."""
    named: list[tuple[float, float]] = []
    for i, token in enumerate(found):
        if token.key.endswith("s") and token.key[:-1].isdigit():
            decade = int(token.key[:-1])
            decade += 1900 if decade < 100 else 0
            named.append((decade, decade + (99 if decade % 100 == 0 and decade < 1900 else 9)))
        elif token.value is not None and i + 1 < len(found) and found[i + 1].key == "centuri" and token.value <= 30:
            before = any(t.key == "bce" for t in found[i : i + 4])
            low = (token.value - 1) * 100
            named.append((low, low + 100) if before else (low, low + 99))
        elif is_year(token) and i + 1 < len(found) and is_year(found[i + 1]):
            first, last = token.value or 0.0, found[i + 1].value or 0.0
            if first < last <= first + 120:
                named.append((first, last))
    return named


def _is_day(token: Token) -> bool:
    return token.value is not None and 1 <= token.value <= 31 and token.value.is_integer()


def _contiguous(wanted: list[str], keys: list[str]) -> list[int]:
    """Every place where the alias stands word for word."""
    n = len(wanted)
    return [at for at in range(len(keys) - n + 1) if keys[at] == wanted[0] and keys[at : at + n] == wanted]


def _joined(wanted: list[Token], keys: list[str]) -> int | None:
    """Where the alias stands without its spaces ("eye glasses", "eyeglasses"), on word boundaries."""
    target = "".join(token.key for token in wanted)
    if len(target) < 5:
        return None
    for at in range(len(keys)):
        run = ""
        for key in keys[at : at + len(wanted) + 2]:
            run += key
            if run == target:
                return at
            if not target.startswith(run):
                break
    return None


def _middle(options: Sequence[Sequence[tuple[float, int]]]) -> float:
    """The place in the answer around which most words of the alias stand."""
    places = sorted(i for found in options for how, i in found if how >= 0.5)[:_PLACES]
    if not places:
        return 0.0
    width = 2 * len(options) + 4
    best, most = float(places[0]), -1
    for place in places:
        covered = sum(any(place <= i <= place + width for _, i in found) for found in options)
        if covered > most:
            best, most = place + width / 4, covered
    return best


def _common_prefix(a: str, b: str) -> int:
    n = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        n += 1
    return n
