"""Is an answer right, given the expected one? Judged without a language model.

Two methods, chosen by the form of what was expected:

- **short** (every alias at most 12 words in one sentence: a name, a number, a date, a phrase): the aliases are
  aligned with the answer after both are brought to one spelling, and a logistic model over features of the
  alignment gives the probability that a person would call the answer right. Fitted by
  ``tools/fit_correctness.py`` on people's verdicts on answers to Natural Questions (EVOUNA, Wang et al. 2023,
  arXiv 2305.12421). An answer that is an alias and nothing else is right; one that denies the alias
  ("not Paris") or names it only in passing ("Lyon, although Paris is larger"), or in which every sentence
  refuses to answer, is not.
- **long** (a sentence or more): the probability is claim-level F1, claims entailed by shared words, numbers and
  polarity unless another ``entails`` is given. It measures overlap and is not calibrated against people.

Where aliases of both forms are given, the better verdict counts. Texts are all it sees: whether
abstaining was right is for the caller to say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from math import exp

from assay.digest import Digest, digest
from assay.evaluation.judges.offline.claim_overlap import Entails, lexical, overlap
from assay.evaluation.judges.offline.expected_answer import Form, aliases, form
from assay.evaluation.judges.offline.matching import Match, kind
from assay.evaluation.judges.offline.normalising import content
from assay.evaluation.judges.offline.short_features import Reading, best, features, read
from assay.language.refusals import refuses
from assay.scores import Unscored

REVISION = 2
"""Raised with every change of rules or features that the coefficients' digest does not show."""
COEFFICIENTS = "correctness.json"

_IDENTICAL = 0.99
_DENIED = 0.05


@dataclass(frozen=True, slots=True)
class CorrectnessVerdict:
    """Whether an answer is right.

    ``probability`` in [0, 1]: calibrated for the short form, claim-level F1 for the long one; ``correct`` from .5
    on. ``match`` and ``alias`` say how the short form matched and what (None for the long form, ``alias`` also
    where nothing matched). ``tp``, ``fp``, ``fn`` count the claims of the long form; for the short one the
    answer is a single claim: right (1, 0, 0), wrong (0, 1, 1) or a refusal (0, 0, 1).
    """

    probability: float
    correct: bool
    form: Form
    match: Match | None
    alias: str | None
    tp: int
    fp: int
    fn: int


@dataclass(frozen=True, slots=True)
class OfflineCorrectness:
    """The offline judge of correctness; without state, safe for threads.

    ``entails`` replaces the lexical entailment of the long form, and ``entails_identity`` must then name it and its
    revision, since verdicts are kept under ``identity``.
    """

    entails: Entails | None = field(default=None, repr=False)
    entails_identity: str = "lexical"

    def __post_init__(self) -> None:
        if self.entails is not None and self.entails_identity == "lexical":
            raise ValueError("entails_identity must name the entailment given as entails, and its revision")

    @property
    def identity(self) -> str:
        """Changes with the coefficients, the rules and the entailment."""
        return f"offline-correctness:{REVISION}:{_coefficients().digest[:12]}:{self.entails_identity}"

    def judge(self, question: str | None, expected: str | Sequence[str], answer: str) -> CorrectnessVerdict | Unscored:
        """The verdict on ``answer``.

        ``expected`` is one alias an item; a single text may hold several short ones between "/". Unscored where
        nothing was expected, or nothing that states anything.
        """
        forms = aliases(expected)
        short = [alias for alias in forms if form(alias) == "short"]
        long = [alias for alias in forms if form(alias) == "long"]
        verdicts = [self._long(question, alias, answer) for alias in long]
        if short:
            verdicts.append(_short(question, short, answer))
        judged = [verdict for verdict in verdicts if verdict is not None]
        if not judged:
            return Unscored("the expected answer states nothing" if forms else "no answer was expected")
        return max(judged, key=lambda verdict: verdict.probability)

    def _long(self, question: str | None, expected: str, answer: str) -> CorrectnessVerdict | None:
        if found := overlap(expected, answer, self.entails or lexical(question)):
            f1 = found.f1
            return CorrectnessVerdict(f1, f1 >= 0.5, "long", None, None, found.tp, found.fp, found.fn)
        return None


def _short(question: str | None, expected: Sequence[str], answer: str) -> CorrectnessVerdict:
    spoken = [_bare(alias) for alias in expected]
    if _bare(answer) in spoken:
        which = spoken.index(_bare(answer))
        return _verdict(_IDENTICAL, "alias" if which else "exact", expected[which])
    case = read(question, expected, answer)
    least, most = limits(case)
    if most == 0.0:
        return _verdict(0.0, "none", None, silent=bool(case.aliases))
    at = best(case)
    alias = case.written[at]
    matched = kind(case.aligned[at], first=alias == expected[0])
    return _verdict(min(max(_probability(case), least), most), matched, alias if matched != "none" else None)


def limits(case: Reading) -> tuple[float, float]:
    """Between which probabilities the rules hold the model: (0, 1) where none applies.

    (0, 0) for an answer without words, for one that only refuses, and where no alias holds a word; at least
    .99 for an answer that is an alias and nothing else; at most .05 for one that only denies the alias.
    """
    if not case.aliases or not case.answer or all(map(refuses, case.sentences)):
        return 0.0, 0.0
    said = len(content(list(case.answer)))
    if any(found.whole is not None and said == len(found.alias) for found in case.aligned):
        return _IDENTICAL, 1.0
    return (0.0, _DENIED) if case.aligned[best(case)].denied else (0.0, 1.0)


def _bare(text: str) -> str:
    return " ".join(text.split()).casefold()


def _verdict(probability: float, match: Match, alias: str | None, *, silent: bool = False) -> CorrectnessVerdict:
    right = probability >= 0.5
    return CorrectnessVerdict(
        probability, right, "short", match, alias, tp=int(right), fp=int(not right and not silent), fn=int(not right)
    )


def _probability(case: Reading) -> float:
    """The logistic model's probability that a person would call the answer right."""
    model, found = _coefficients(), features(case)
    logit = model.intercept + sum(weight * found[name] for name, weight in model.weights.items())
    return 1.0 / (1.0 + exp(-max(-40.0, min(40.0, logit))))


@dataclass(frozen=True, slots=True)
class _Coefficients:
    intercept: float
    weights: Mapping[str, float]
    digest: Digest


@lru_cache(maxsize=1)
def _coefficients() -> _Coefficients:
    file = resources.files("assay.evaluation.judges.offline") / COEFFICIENTS
    held = json.loads(file.read_text(encoding="utf-8"))
    intercept, weights = float(held["intercept"]), {name: float(weight) for name, weight in held["weights"].items()}
    return _Coefficients(intercept, weights, digest({"intercept": intercept, "weights": weights}))
