"""Runs to report on: a baseline and a changed release on the same cases of an invented handbook, from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from assay.digest import digest
from assay.documents import Citation
from assay.evaluation.cases import Case, Dataset
from assay.evaluation.comparison import compare
from assay.evaluation.records import Result, Run, ScorerUsed, Work
from assay.evaluation.reporting.summary import Report, report
from assay.evaluation.samples import Answered, Failed, Outcome
from assay.evaluation.scoring import Measured, Metric, Spent
from assay.evaluation.verdicts import Guard, Verdict
from assay.messages import Turn
from assay.models.chat import Usage
from assay.scores import Estimate, Scored, Unscored

TOPICS = ("travel", "holidays", "security", "expenses", "hiring", "equipment")
THINGS = (
    "a hotel in Basel", "a sleeping car", "parental leave", "a lost badge", "a second monitor", "a home office day",
    "an on-call weekend", "a client dinner", "a rental car", "unused holiday", "a broken laptop", "a visa",
)  # fmt: skip
ASKED = (
    "How much may {thing} cost, and who has to approve it beforehand?",
    "What must be reported when {thing} is concerned, and within how many hours?",
    "Does the rule for {thing} also hold for working students?",
    "Since when has {thing} been covered, and by which section of the handbook?",
)
SCORERS = (
    ScorerUsed("correctness", "sha256:correctness-3:offline", (Metric("correctness", judged=True),)),
    ScorerUsed("faithfulness", "sha256:faithfulness-2:offline", (Metric("faithfulness", judged=True),)),
    ScorerUsed("citations", "sha256:citations-1", (Metric("citation_recall"), Metric("citation_precision"))),
    ScorerUsed("retrieval", "sha256:retrieval-1", (Metric("ndcg_at_8"),)),
    ScorerUsed(
        "latency", "sha256:latency-1", (Metric("latency", "milliseconds", higher_is_better=False, of_failures=True),)
    ),
    ScorerUsed("cost", "sha256:cost-1", (Metric("cost", "dollars", higher_is_better=False),)),
)
GUARDS = (
    Guard("correctness", margin=0.02),
    Guard("faithfulness", margin=0.02),
    Guard("latency", ratio=1.2, quantile=0.95),
    Guard("cost", ratio=1.2),
)


def demo_case(index: int) -> Case:
    dice = random.Random(index)
    topic, thing = dice.choice(TOPICS), dice.choice(THINGS)
    answerable = dice.random() > 0.1
    return Case(
        id=f"handbook-{index:04d}",
        question=dice.choice(ASKED).format(thing=thing),
        expected=(f"Up to {dice.randrange(20, 400)} euros, approved by the line manager.",) if answerable else None,
        relevant=(f"{topic}/{dice.randrange(40)}.md",) if answerable else (),
        answerable=answerable,
        history=(Turn("user", "I start on Monday."),) if dice.random() < 0.05 else (),
        tags={"topic": topic, "kind": dice.choice(("figure", "procedure", "scope"))},
        provenance={"source": "human"},
    )


def demo_outcome(case: Case, index: int, skill: float, dice: random.Random) -> tuple[Outcome, float]:
    """An outcome and how right it is, from 0 to 1; confidence follows that, imperfectly."""
    trace = digest([case.id, skill])[:32]
    if dice.random() < 0.012:
        return Failed(dice.choice(("ModelTimeout", "RateLimited")), "no answer within 30 s", trace, 30_000.0), 0.0
    right = dice.random() < skill
    confidence = min(0.99, max(0.02, dice.betavariate(6, 2) if right else dice.betavariate(3, 3)))
    answer = (
        f"{(case.expected or ('The handbook does not say.',))[0]} This holds for every employee since 2024, "
        "regardless of the location, as long as the request is made two weeks ahead and the budget of the "
        "department allows it. Receipts are kept for ten years."
    )
    document = (case.relevant or ("travel/1.md",))[0] if case.relevant else "travel/1.md"
    quote = "A claim is approved by the line manager before it is made; later claims go to the finance team."
    return Answered(
        text=answer,
        retrieved=(document, "general/1.md"),
        citations=tuple(Citation(document, f"c{i}", 40 * i, 40 * i + len(quote), quote, answer[:60]) for i in range(2)),
        abstained="not in the corpus" if confidence < 0.3 else None,
        confidence=round(confidence, 4),
        model="gpt-5-mini-2026-03",
        milliseconds=dice.lognormvariate(7.0 + 0.15 * (skill > 0.8), 0.5),
        cost=0.0011 * dice.lognormvariate(0, 0.3) * (1.15 if skill > 0.8 else 1.0),
        usage=Usage(input=2200, output=140),
        trace=trace,
    ), float(right)


def demo_scores(outcome: Outcome, right: float, dice: random.Random) -> dict[str, Measured]:
    if isinstance(outcome, Failed):
        gone = Measured(Unscored(f"the answer failed: {outcome.kind}"))
        names = [metric.name for scorer in SCORERS for metric in scorer.metrics]
        return dict.fromkeys(names, gone) | {"latency": Measured(Scored(outcome.milliseconds or 0.0))}
    if outcome.abstained is not None:
        correctness = Measured(Unscored("abstained: there is no answer to compare"))
    else:
        correctness = Measured(Scored(right if dice.random() < 0.8 else round(dice.uniform(0.3, 0.9), 2)))
    claims = dice.randrange(2, 6)
    held = sum(dice.random() < 0.78 + 0.2 * right for _ in range(claims))
    return {
        "correctness": correctness,
        "faithfulness": Measured(
            Scored(held / claims), {"claims": claims, "unsupported": [[62, 118]] * (claims - held)}
        ),
        "citation_recall": Measured(Scored(dice.choice((0.5, 1.0, 1.0)) if right else dice.choice((0.0, 0.5, 1.0)))),
        "citation_precision": Measured(Scored(dice.choice((0.0, 0.5, 1.0, 1.0, 1.0)))),
        "ndcg_at_8": Measured(Scored(round(dice.betavariate(5, 1.2), 3))),
        "latency": Measured(Scored(outcome.milliseconds or 0.0)),
        "cost": Measured(Scored(outcome.cost or 0.0)),
    }


def demo_run(cases: int = 200, *, label: str = "git:rewrite-prompt", skill: float = 0.84, repeats: int = 1) -> Run:
    """A run on ``cases`` invented cases; ``skill`` is the share that is answered rightly."""
    dice = random.Random(f"{label}{skill}")
    dataset = Dataset("handbook", tuple(demo_case(index) for index in range(cases)))
    results = []
    for index, case in enumerate(dataset.cases):
        for repeat in range(repeats):
            weaker = 0.45 if case.tags["topic"] == "security" and skill > 0.8 else 0.0
            outcome, right = demo_outcome(case, index, skill - weaker, dice)
            results.append(Result(case, repeat, outcome, demo_scores(outcome, right, dice)))
    return Run(
        id=digest([label, cases])[:16],
        label=label,
        subject=digest(label),
        state="generation 12",
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        scorers=SCORERS,
        repeats=repeats,
        results=tuple(results),
        started=1_790_000_000.0,
        work=Work(cases, 0, cases * 7, 0, Spent(cases, 2200 * cases, 140 * cases, 0.0011 * cases), Spent(), 41.5),
        environment={"assay": "0.3.0", "python": "3.11.9", "numpy": "2.3.1", "git": "3c6f0a1d2b (clean)"},
    )


def demo_baseline(cases: int = 200) -> Run:
    return demo_run(cases, label="live", skill=0.78)


def demo_report(cases: int = 200, *, verdict: Verdict | None = None, alone: bool = False, repeats: int = 1) -> Report:
    """A report of the changed release against the live one; ``alone`` leaves the comparison out."""
    run, baseline = demo_run(cases, repeats=repeats), demo_baseline(cases)
    if alone:
        return report(run)
    corrected = {"faithfulness": Estimate(0.861, 0.827, 0.893, cases, 0, "PPI++ with 60 labels")}
    comparison = compare(run, baseline, GUARDS)
    if verdict is not None:
        comparison = replace(comparison, verdict=verdict)
    return report(run, comparison=comparison, baseline=baseline, corrected=corrected)


def hostile(run: Run, text: str) -> Run:
    """The run with ``text`` wherever somebody else's text may stand."""

    def spoilt(result: Result) -> Result:
        case = replace(result.case, id=text + result.case.id, question=text, expected=(text,), relevant=(text,))
        case = replace(case, tags={text: text}, history=(Turn("user", text),))
        outcome = result.outcome
        if isinstance(outcome, Answered):
            citations = tuple(Citation(text, text, 0, 1, text, text) for _ in outcome.citations)
            outcome = replace(outcome, text=text, citations=citations, model=text, trace=text)
        else:
            outcome = replace(outcome, kind=text, message=text, trace=text)
        scores = {k: replace(m, detail={text: text}) for k, m in result.scores.items()}
        return replace(result, case=case, outcome=outcome, scores=scores)

    results = tuple(spoilt(result) for result in run)
    return replace(run, id=text, label=text, dataset=text, subject=text, environment={text: text}, results=results)


@pytest.fixture(scope="session")
def make_report() -> Callable[..., Report]:
    return demo_report


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Run]:
    return demo_run


@pytest.fixture(scope="session")
def compared_report() -> Report:
    return demo_report(120)


@pytest.fixture(scope="session")
def spoil() -> Callable[[Run, str], Run]:
    return hostile
