from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from assay import traces
from assay.answering import spans
from assay.answering.attribution import Attribution, Known, Unknown, Unreadable, attribute
from assay.answering.context import Context, Dropped, Part, Passage
from assay.answering.spans import Check
from assay.documents import PUBLIC, Chunk, Citation
from assay.errors import InputError
from assay.retrieval.found import Candidate, Found
from assay.traces import Attribute, Span, Trace


@dataclass
class Ledger:
    documents: dict[str, Known | Unreadable] = field(default_factory=lambda: {"gold": Known({"gold#0": (PUBLIC,)})})

    def lookup(self, document: str) -> Known | Unreadable | Unknown:
        return self.documents.get(document, Unknown())


def candidate(document: str, **ranks: int) -> Candidate:
    return Candidate(Chunk(f"{document}#0", document, 0, 0, 4, "text", ""), 1.0, ranks)


def passage(number: int, document: str) -> Passage:
    part = Part(f"{document}#0", 0, 4)
    return Passage(number, document, 0, 4, "text", "", (), None, 1.0, (part,))


def span(stage: str, attributes: dict[str, Attribute], error: str | None = None) -> Span:
    parent = None if stage == spans.ROOT else "root"
    return Span("root" if parent is None else stage, parent, stage, 0, 1, {traces.STAGE: stage, **attributes}, error)


def made(
    *,
    kept: list[Candidate] | None = None,
    lost: list[Candidate] | None = None,
    context: Context | None = None,
    checks: list[Check] | None = None,
    cited: str | None = None,
    groups: frozenset[str] = frozenset({PUBLIC}),
    where: dict[str, str] | None = None,
    abstained: str | None = None,
    errors: dict[str, str] | None = None,
) -> Trace:
    errors = errors or {}
    citations = [Citation(cited, "c", 0, 4, "text", "Text.")] if cited else []
    root: dict[str, Attribute] = {
        **spans.scope_attributes(groups, where or {}),
        **spans.citation_attributes(citations),
        traces.CONFIDENCE: 0.31,
        **({traces.ABSTAINED: abstained} if abstained else {}),
    }
    found = [span(spans.ROOT, root)]
    if kept is not None:
        hits = Found("q", "hybrid", tuple(kept), (*kept, *(lost or [])), "i", 1, 1.0)
        error = errors.get(spans.RETRIEVE)
        found.append(span(spans.RETRIEVE, {} if error else spans.found_attributes(hits), error))
    if context is not None:
        found.append(span(spans.ASSEMBLE, spans.context_attributes(context)))
    if checks is not None:
        found.append(span(spans.GENERATE, spans.check_attributes(checks), errors.get(spans.GENERATE)))
    return Trace("t", tuple(found))


OTHER = [candidate(f"o{i}", dense=i, lexical=i, fused=i, reranked=i) for i in range(1, 9)]
GOLD = [candidate("gold", dense=1)]
SEEN = Context((passage(1, "other"), passage(2, "gold")))
CASES: list[tuple[str, Trace, Ledger, str, str]] = [
    ("unknown", made(), Ledger({}), "parse", "never ingested"),
    ("failed", made(), Ledger({"gold": Unreadable("not a PDF")}), "parse", "not a PDF"),
    ("no chunk", made(), Ledger({"gold": Known({})}), "chunk", "no chunk"),
    (
        "no access",
        made(groups=frozenset({PUBLIC, "sales"})),
        Ledger({"gold": Known({"gold#0": ("board",)})}),
        "access",
        "none of its 1 chunk may be read as sales",
    ),
    (
        "filtered",
        made(where={"team": "a"}),
        Ledger({"gold": Known({"gold#0": (PUBLIC,)}, {"team": "b"})}),
        "access",
        "filter team = 'a'",
    ),
    ("not found", made(kept=OTHER), Ledger(), "recall", "none of its chunks was among the 8 candidates"),
    (
        "cut by keep",
        made(
            kept=[candidate(f"o{i}", dense=i) for i in range(1, 9)],
            lost=[candidate("gold", dense=37), *(candidate(f"p{i}", dense=50) for i in range(41))],
        ),
        Ledger(),
        "recall",
        "the gold chunk was rank 37 of 50 and cut by keep = 8",
    ),
    (
        "fused away",
        made(
            kept=[candidate(f"o{i}", dense=i, fused=i) for i in range(1, 9)],
            lost=[candidate("gold", dense=30, lexical=2, fused=12)],
        ),
        Ledger(),
        "fusion",
        "rank 2 in the lexical search, then fused to rank 12 of 9 and cut by keep = 8",
    ),
    (
        "reranked away",
        made(kept=OTHER, lost=[candidate("gold", dense=9, lexical=3, fused=4, reranked=11)]),
        Ledger(),
        "rerank",
        "rank 4 before reranking, then rank 11 of 9",
    ),
    ("search failed", made(kept=[], errors={"retrieve": "disk"}), Ledger(), "recall", "the search failed: disk"),
    (
        "budget",
        made(
            kept=GOLD,
            context=Context((passage(1, "other"),), (Dropped("gold#0", "gold", "budget", "needs 900 tokens"),)),
        ),
        Ledger(),
        "context budget",
        "cut by the budget: needs 900 tokens",
    ),
    (
        "repeated",
        made(
            kept=GOLD,
            context=Context((passage(1, "other"),), (Dropped("gold#0", "gold", "duplicate", "the same text as x"),)),
        ),
        Ledger(),
        "context budget",
        "told once: the same text as x",
    ),
    (
        "gate",
        made(kept=GOLD, context=SEEN, abstained="not_in_corpus"),
        Ledger(),
        "generation",
        "the answer abstained (not_in_corpus, confidence 0.31)",
    ),
    (
        "check",
        made(kept=GOLD, context=SEEN, checks=[Check("It is 25.", "unsupported", False, (2,), (), 0.4)]),
        Ledger(),
        "citation check",
        "did not hold (support 0.40): 'It is 25.'",
    ),
    (
        "refusal",
        made(kept=GOLD, context=SEEN, checks=[Check("I cannot.", "refusal", False)]),
        Ledger(),
        "generation",
        "declined to answer",
    ),
    (
        "model failed",
        made(kept=GOLD, context=SEEN, checks=[], errors={"generate": "timeout"}),
        Ledger(),
        "generation",
        "the model failed: timeout",
    ),
    (
        "ignored",
        made(kept=GOLD, context=SEEN, checks=[Check("So.", "supported", True, (1,), (1,), 0.9)], cited="other"),
        Ledger(),
        "generation",
        "no sentence of the answer rests on it",
    ),
    ("cited", made(kept=GOLD, context=SEEN, cited="gold"), Ledger(), "none", "the answer cites it"),
]


@pytest.mark.parametrize(("trace", "ledger", "stage", "words"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_each_miss_has_one_stage(trace: Trace, ledger: Ledger, stage: str, words: str) -> None:
    found = attribute(trace, ["gold"], ledger)
    assert found.stage == stage
    assert words in found.sentence


def test_of_several_documents_the_earliest_loss_counts() -> None:
    trace = made(kept=GOLD, context=SEEN, cited="gold")
    found = attribute(trace, ["gold", "lost"], Ledger())
    assert isinstance(found, Attribution)
    assert found.stage == "parse"
    assert [(f.document, f.stage) for f in found.findings] == [("gold", "none"), ("lost", "parse")]
    assert found.as_dict()["stage"] == "parse"


def test_what_cannot_be_attributed() -> None:
    with pytest.raises(InputError, match="at least one"):
        attribute(made(), [], Ledger())
    bare = Trace("t", (span(spans.ROOT, {GROUPS: [PUBLIC]}), span(spans.RETRIEVE, {})))
    with pytest.raises(InputError, match="content recording"):
        attribute(bare, ["gold"], Ledger())


GROUPS = spans.GROUPS
