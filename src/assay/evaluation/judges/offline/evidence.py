"""The contexts of an answer made ready for lexical checks: sentences, records, times, words.

A context that is JSON is read as data: its long strings become sentences, its short leaves records
(`outdoor seating: no`), opening hours minutes of the day. Anything else is prose. This is not the index of
``assay.language.support``, although both weigh words by sentence: the coefficients were fitted on words that keep
their contractions, units of sixty words and another weight of rare words, and any other split changes the scores.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import log
from typing import Any, TypeAlias

from assay.language.segments import segment
from assay.language.terms import STOPWORDS, numbers, stem

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NEGATIONS = frozenset(
    {"not", "no", "never", "none", "without", "cannot", "nor", "neither"}
    | {"unable", "lack", "lacks", "lacking", "unavailable"}
)
WORD = re.compile(r"\d+(?:[.,:]\d+)*|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\d_]+(?:['’][^\W\d_]+)?|[^\W_]+")

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|_")
_CLOCK = re.compile(
    r"(?<![\d:.])(?:(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{1,2}))?\s*(?P<half>[ap])\.?\s?m\b"
    r"|(?P<h>\d{1,2}):(?P<m>\d{1,2})(?![\d:]))|\b(?P<word>noon|midnight)\b",
    re.IGNORECASE,
)
_LONGEST = 60
_PROSE = 6
_DENIED = frozenset(("no", "none", "false", "n", "0"))
_GENERIC = frozenset(("restaurants", "business", "good", "is", "has"))
_PREFIX = 5

Hours: TypeAlias = "dict[str, tuple[int, int]]"


@dataclass(frozen=True, slots=True)
class Fact:
    """A leaf of a JSON context: stems of its key, the key's letters run together, its truth value.

    ``holds`` is None where the value is null: the data do not say. ``within`` is the key above.
    """

    key: frozenset[str]
    compact: str
    within: str
    holds: bool | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """An index of the contexts: units are sentences or records, terms stems of content words."""

    units: tuple[frozenset[str], ...]
    negated: tuple[bool, ...]
    records: tuple[bool, ...]
    holding: dict[str, tuple[int, ...]] = field(repr=False)
    words: frozenset[str] = field(repr=False)
    capitals: frozenset[str] = field(repr=False)
    prefixes: frozenset[str] = field(repr=False)
    pairs: frozenset[tuple[str, str]] = field(repr=False)
    grams: frozenset[tuple[str, ...]] = field(repr=False)
    numbers: frozenset[float]
    times: frozenset[int]
    facts: tuple[Fact, ...]
    hours: Hours
    structured: bool
    size: int

    def weight(self, term: str) -> float:
        """Inverse document frequency among the units; a term that none has weighs most."""
        n, total = len(self.holding.get(term, ())), len(self.units)
        return log(1 + (total - n + 0.5) / (n + 0.5)) + 0.2


@dataclass(slots=True)
class _Read:
    """What was read of the contexts so far: (line, whether it is a record), facts and hours."""

    lines: list[tuple[str, bool]] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    hours: Hours = field(default_factory=dict)
    structured: bool = False


def bare(word: str) -> str:
    """``word`` in lower case without a possessive ending."""
    lowered = word.lower().replace("’", "'")
    return lowered[:-2] if lowered.endswith("'s") else lowered


def content(word: str) -> bool:
    """Whether a lower-case word is neither a function word nor a contraction of one."""
    return word not in STOPWORDS and word.partition("'")[0] not in STOPWORDS


def negates(word: str) -> bool:
    """Whether a lower-case word turns what is said into its contrary."""
    return word in NEGATIONS or word.endswith("n't")


def clock(text: str) -> list[tuple[int, int, int]]:
    """The times of day in ``text`` as (start, end, minutes after midnight)."""
    found = []
    for match in _CLOCK.finditer(text):
        if match["word"]:
            minutes = 720 if match["word"].lower() == "noon" else 0
        elif match["half"]:
            half = 720 if match["half"].lower() == "p" else 0
            minutes = int(match["hour"]) % 12 * 60 + half + int(match["minute"] or 0)
        else:
            minutes = int(match["h"]) * 60 + int(match["m"])
        found.append((match.start(), match.end(), minutes % 1440))
    return found


def evidence(contexts: Sequence[str]) -> Evidence:
    """Index ``contexts``; time is linear in their length."""
    read = _Read()
    for context in contexts:
        data = _data(context)
        if data is None:
            read.lines.extend((sentence.of(context), False) for sentence in segment(context))
            continue
        read.structured = True
        for path, leaf in _leaves(data):
            _take(read, path, leaf)
    return _index(read)


def _data(context: str) -> dict[str, Any] | list[Any] | None:
    stripped = context.strip()
    if stripped[:1] not in ("{", "["):
        return None
    try:
        found = json.loads(stripped)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None


def _leaves(data: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The scalars below ``data`` with their keys; an object of truth values counts as one itself too."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), data)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            told = [inner for inner in value.values() if isinstance(inner, bool)]
            if path and told and not any(isinstance(inner, str | dict | list) for inner in value.values()):
                yield path, any(told)
            waiting.extend(((*path, str(key)), inner) for key, inner in reversed(value.items()))
        elif isinstance(value, list):
            waiting.extend((path, inner) for inner in reversed(value))
        else:
            yield path, value


def _take(read: _Read, path: tuple[str, ...], leaf: Any) -> None:
    if isinstance(leaf, str) and len(leaf.split()) > _PROSE and "," not in leaf[:12]:
        read.lines.extend((sentence.of(leaf), False) for sentence in segment(leaf))
        return
    key, above = (_CAMEL.sub(" ", name) for name in ("", "", *path)[-1:-3:-1])
    if key.lower() in DAYS and isinstance(leaf, str) and len(times := clock(leaf)) == 2:
        read.hours[key.lower()] = (times[0][2], times[1][2])
    denied = leaf is False or str(leaf).lower() in _DENIED
    said = "unknown" if leaf is None else "no" if denied else "yes" if leaf is True else str(leaf)
    read.lines.append((f"{above} {key}: {said}", True))
    if isinstance(leaf, int | float) and not isinstance(leaf, bool):
        return
    spoken = [word for word in map(bare, WORD.findall(key)) if word not in _GENERIC]
    stems = frozenset(stem(word) for word in spoken if content(word))
    if stems and (leaf is None or isinstance(leaf, bool) or denied or len(str(leaf)) <= _PROSE):
        read.facts.append(Fact(stems, "".join(spoken), above.lower(), None if leaf is None else not denied))


def _index(read: _Read) -> Evidence:
    units: list[frozenset[str]] = []
    negated: list[bool] = []
    records: list[bool] = []
    holding: dict[str, list[int]] = {}
    words: set[str] = set()
    capitals: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    grams: set[tuple[str, ...]] = set()
    size = 0
    for line, record in read.lines:
        raw = WORD.findall(_CAMEL.sub(" ", line))
        for at in range(0, len(raw), _LONGEST):
            piece = raw[at : at + _LONGEST]
            spoken = [bare(word) for word in piece]
            words.update(spoken)
            capitals.update(low for low, word in zip(spoken, piece, strict=True) if word[0].isupper())
            grams.update(itertools.pairwise(spoken))
            grams.update(zip(spoken, spoken[1:], spoken[2:], strict=False))
            told = [stem(word) for word in spoken if content(word)]
            size += len(told)
            pairs.update(itertools.pairwise(told))
            unit = frozenset(told)
            for term in unit:
                holding.setdefault(term, []).append(len(units))
            units.append(unit)
            negated.append(any(map(negates, spoken)))
            records.append(record)
    text = "\n".join(line for line, _ in read.lines)
    return Evidence(
        units=tuple(units),
        negated=tuple(negated),
        records=tuple(records),
        holding={term: tuple(at) for term, at in holding.items()},
        words=frozenset(words),
        capitals=frozenset(capitals),
        prefixes=frozenset(word[:_PREFIX] for word in words if len(word) >= _PREFIX),
        pairs=frozenset(pairs),
        grams=frozenset(grams),
        numbers=numbers(text),
        times=frozenset(minutes for _, _, minutes in clock(text)),
        facts=tuple(read.facts),
        hours=read.hours,
        structured=read.structured,
        size=size,
    )
