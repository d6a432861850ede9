"""What the offline faithfulness judge looks at in a claim: numbers from the words alone.

In the line of lexical faithfulness work: containment in the best sentence of the evidence and in
the weakest clause (SummaC's sentence minimum, Laban et al. 2022, arXiv 2111.09525), novel n-grams
and copied runs (Grusky et al. 2018, arXiv 1804.11283), numbers and names unseen; then the company
that a word keeps there, and the records of a JSON context that say the contrary.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log1p

from assay.evaluation.judges.claims import Claim
from assay.evaluation.judges.offline.evidence import WORD, Evidence, bare, clock, negates
from assay.evaluation.judges.offline.records import records
from assay.evaluation.judges.offline.words import Word, clauses
from assay.language.support import NO_FIGURE, held
from assay.language.terms import numbers

_CONTEXT = 5
_MOST_UNITS = 40
_PREFIX = 5


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_HEDGES = _listed("""may might can could possibly perhaps likely probably suggest suggests seem seems appear appears
    typically usually generally often potentially""")
_QUANTIFIERS = _listed("""all every only most many some several few both always never first last each more less
    least multiple various numerous variety""")
_SPELLED = _listed("two three four five six seven eight nine ten eleven twelve")

_HARD = ("contradicted", "wrong_hours", "wrong_days", "numbers_unseen", "numbers_spelled", "times_unseen")
_CURVED = ("cover", "company", "novel_share", "paired", "clause_worst", "place", "cover_three")


@dataclass(frozen=True, slots=True)
class _Match:
    """The unit that holds most of the claim, it with its better neighbour, and the three best together."""

    best: int | None
    window: frozenset[str]
    cover: float
    cover_window: float
    cover_three: float


def features(claim: Claim, told: Sequence[Word], by: Evidence, asked: frozenset[str], place: float) -> dict[str, float]:
    """The named features of one claim; ``place`` is its position in the answer, in [0, 1]."""
    weight = {word.term: by.weight(word.term) for word in told}
    match = _match(weight, by)
    n = max(len(told), 1)
    every = [bare(word) for word in WORD.findall(claim.text)]
    found = records(claim.text, by)
    novel = [word for word in told if not word.known]
    negated, best = any(map(negates, every)), match.best
    in_records = sum(all(by.records[u] for u in by.holding[word.term]) for word in told if word.known)
    plain = {
        "cover": match.cover,
        "cover_window": match.cover_window,
        "cover_three": match.cover_three,
        "novel_share": len(novel) / n,
        "novel_weight": sum(weight[word.term] for word in novel),
        "novel_strict": float(sum(word.lower[:_PREFIX] not in by.prefixes for word in novel)),
        "novel_run": float(_longest_run(told)),
        **_copied(every, by),
        **_clauses(claim, told, weight, by, match.cover),
        **_company(told, weight, by),
        **_figures(claim, told, by, match.window),
        "agreeing": float(found.agreeing),
        "contradicted": float(found.contradicted),
        "unknown": float(found.unknown),
        "hours": float(found.hours),
        "wrong_hours": float(found.wrong_hours),
        "wrong_days": float(found.wrong_days),
        "in_records": in_records / n,
        "negated": float(negated),
        "turned": float(best is not None and negated is not by.negated[best]),
        "quantifiers": float(sum(w in _QUANTIFIERS and w not in by.words for w in every)),
        "quantified": float(sum(w in _QUANTIFIERS for w in every)),
        "hedged": float(any(w in _HEDGES for w in every)),
        "words": float(len(told)),
        "place": place,
        "structured": float(by.structured),
        "asked": sum(word.term in asked for word in told) / n,
    }
    return _expanded(plain)


def _expanded(plain: Mapping[str, float]) -> dict[str, float]:
    """Counts on a logarithmic scale; curvature and the joint terms that a linear model cannot make itself."""
    hard = sum(plain[name] for name in _HARD)
    told = {name: log1p(value) for name, value in {**plain, "hard": hard, "doubt": hard + plain["unknown"]}.items()}
    curved = {f"{name}^2": plain[name] ** 2 for name in _CURVED}
    in_data = {f"data:{name}": value * plain["structured"] for name, value in told.items() if name != "structured"}
    size = told["words"]
    return {
        **told,
        **in_data,
        **curved,
        "novel_words": plain["novel_share"] * plain["words"] / 10,
        "words_without_company": (1 - plain["company"]) * size,
        "words_not_covered": (1 - plain["cover"]) * size,
    }


def _match(weight: Mapping[str, float], by: Evidence) -> _Match:
    total = sum(weight.values()) or 1.0
    found = held(weight.items(), by.holding)
    if not found:
        return _Match(None, frozenset(), 0.0, 0.0, 0.0)
    best = max(found, key=lambda u: (found[u], -u))

    def with_neighbour(unit: int) -> float:
        return found[unit] + 0.7 * max(found.get(unit - 1, 0.0), found.get(unit + 1, 0.0))

    middle = max(found, key=lambda u: (with_neighbour(u), -u))
    beside = middle + 1 if found.get(middle + 1, 0.0) >= found.get(middle - 1, 0.0) else middle - 1
    window = by.units[middle] | (by.units[beside] if 0 <= beside < len(by.units) else frozenset())
    left, three = dict(weight), 0.0
    ranked = sorted(found, key=lambda u: (-found[u], u))[:12]
    for _ in range(3):
        unit = max(ranked, key=lambda u: sum(v for t, v in left.items() if t in by.units[u]))
        gained = [term for term in left if term in by.units[unit]]
        three += sum(left.pop(term) for term in gained)
    inside = sum(value for term, value in weight.items() if term in window)
    return _Match(best, window, found[best] / total, inside / total, three / total)


def _longest_run(told: Sequence[Word]) -> int:
    longest = run = 0
    for word in told:
        run = 0 if word.known else run + 1
        longest = max(longest, run)
    return longest


def _copied(every: Sequence[str], by: Evidence) -> dict[str, float]:
    """How much of the wording is the evidence's: shares of known bigrams and trigrams, longest copied run."""
    two = [gram in by.grams for gram in itertools.pairwise(every)]
    three = [gram in by.grams for gram in zip(every, every[1:], every[2:], strict=False)]
    longest = run = 0
    for known in two:
        run = run + 1 if known else 0
        longest = max(longest, run)
    return {
        "bigrams": sum(two) / max(len(two), 1),
        "trigrams": sum(three) / max(len(three), 1),
        "copied_run": longest / max(len(two), 1),
    }


def _clauses(
    claim: Claim, told: Sequence[Word], weight: Mapping[str, float], by: Evidence, whole: float
) -> dict[str, float]:
    """Containment of the clauses, each in its own best unit."""
    covers, novel = [], 0.0
    for part in clauses(claim, told):
        mine = {word.term: weight[word.term] for word in part}
        if len(mine) < 2:
            continue
        covers.append(max(held(mine.items(), by.holding).values(), default=0.0) / sum(mine.values()))
        novel = max(novel, sum(not word.known for word in part) / len(part))
    return {
        "clause_worst": min(covers, default=whole),
        "clause_mean": sum(covers) / len(covers) if covers else whole,
        "clause_last": covers[-1] if covers else whole,
        "clause_novel": novel,
    }


def _company(told: Sequence[Word], weight: Mapping[str, float], by: Evidence) -> dict[str, float]:
    """Whether each known word keeps the company it keeps in the evidence: cover of its neighbours in one unit."""
    shares, at_number, at_name = [], 1.0, 1.0
    for i, word in enumerate(told):
        beside = told[max(0, i - _CONTEXT) : i + _CONTEXT + 1]
        # In their order: that of a set, and with it the last digit of a sum, is another one in each process.
        near = dict.fromkeys(other.term for other in beside if other.term != word.term)
        total = sum(weight[term] for term in near)
        if not total:
            continue
        units = by.holding.get(word.term, ())[:_MOST_UNITS]
        share = max((sum(weight[t] for t in near if t in by.units[u]) for u in units), default=0.0) / total
        shares.append(share)
        if word.lower[0].isdigit():
            at_number = min(at_number, share)
        elif word.capital:
            at_name = min(at_name, share)
    shares.sort()
    paired = sum((a.term, b.term) in by.pairs for a, b in itertools.pairwise(told))
    return {
        "company": sum(shares) / len(shares) if shares else 1.0,
        "company_low": shares[len(shares) // 4] if shares else 1.0,
        "company_number": at_number,
        "company_name": at_name,
        "paired": paired / max(len(told) - 1, 1),
    }


def _figures(claim: Claim, told: Sequence[Word], by: Evidence, window: frozenset[str]) -> dict[str, float]:
    """Numbers, times and names that the evidence does not have, or not near."""
    times = clock(claim.text)
    starts = [start for start, _, _ in times]
    halves = {minutes % 720 for minutes in by.times}
    away = unseen = far = 0
    bare_text = NO_FIGURE.sub(lambda m: " " * len(m[0]), claim.text)
    for word in told:
        start = word.start - claim.start
        if not word.lower[0].isdigit() or not bare_text[start : start + 1].isdigit():
            continue
        near = bisect_right(starts, start) - 1
        if near >= 0 and start < times[near][1]:
            away += times[near][2] % 720 not in halves
        elif not (word.known or numbers(word.lower, spelled=False) <= by.numbers):
            unseen += 1
        else:
            far += word.term not in window
    spelled = sum(word.lower in _SPELLED and word.lower not in by.words for word in told)
    names = [word for word in told if word.capital and not word.lower[0].isdigit()]
    strange = sum(word.lower not in by.capitals for word in names)
    joined = [(a, b) for a, b in itertools.pairwise(names) if b.start - a.end <= 1]
    broken = sum((a.lower, b.lower) not in by.grams for a, b in joined)
    return {
        "numbers_unseen": float(unseen),
        "numbers_far": float(far),
        "numbers_spelled": float(spelled),
        "times_unseen": float(away),
        "names_unseen": float(strange),
        "names_novel": float(sum(not word.known for word in names)),
        "names_broken": float(broken),
        "names": float(len(names)),
        "names_far": float(sum(word.term not in window for word in names)),
    }
