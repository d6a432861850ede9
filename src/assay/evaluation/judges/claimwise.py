"""Faithfulness claim by claim: the claims are taken out, and each is judged by itself.

It costs a call for each claim where ``faithfulness`` costs one for all, and in return judges only what
changed when verdicts are kept: a claim whose words and passages are the same is the same item.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

from assay.errors import InputError
from assay.evaluation.judges.llm import unsupported
from assay.evaluation.judges.parsing import NO_CLAIMS
from assay.evaluation.judges.together import all_of
from assay.evaluation.judging import Item, Judge, Verdict
from assay.evaluation.scoring import Spent
from assay.scores import Scored, Unscored

STEPS = ("claims", "claim")


class Claimwise:
    """A judge whose ``faithfulness`` goes over ``claims`` and ``claim``; other rubrics it hands on.

    The detail is that of the rubric ``faithfulness``; ``probability`` of a claim is its own score.
    """

    def __init__(self, judge: Judge) -> None:
        """Raises InputError where ``judge`` lacks one of the two rubrics."""
        if not judge.rubrics.issuperset(STEPS):
            raise InputError(
                f"{judge.identity} cannot judge claim by claim: it needs the rubrics {' and '.join(STEPS)}"
            )
        self._judge = judge

    @property
    def identity(self) -> str:
        return f"claimwise({self._judge.identity})"

    @property
    def rubrics(self) -> frozenset[str]:
        return self._judge.rubrics | {"faithfulness"}

    async def judge(self, item: Item) -> Verdict:
        if item.rubric != "faithfulness":
            return await self._judge.judge(item)
        asked = {"question": item.fields["question"]} if item.fields.get("question", "").strip() else {}
        for name in ("contexts", "answer"):
            if name not in item.fields:
                raise InputError(f"rubric 'faithfulness' needs the field {name!r}")
        if not item.fields["contexts"].strip():
            return Verdict(Unscored("the contexts is empty"))
        taken = await self._judge.judge(Item("claims", {**asked, "answer": item.fields["answer"]}, item.repeat))
        claims = taken.detail.get("claims")
        if claims is None:
            return taken
        if not claims:
            return Verdict(Unscored(NO_CLAIMS), detail={"claims": []}, spent=taken.spent)
        contexts = item.fields["contexts"]
        verdicts = await all_of(
            [
                self._judge.judge(Item("claim", {"contexts": contexts, "claim": str(claim["claim"])}, item.repeat))
                for claim in claims
            ]
        )
        return _joined([dict(claim) for claim in claims], taken, verdicts)


def _joined(claims: list[dict[str, Any]], taken: Verdict, verdicts: list[Verdict]) -> Verdict:
    spent = reduce(Spent.__add__, (verdict.spent for verdict in verdicts), taken.spent)
    values = []
    for claim, verdict in zip(claims, verdicts, strict=True):
        if isinstance(verdict.score, Unscored):
            return Verdict(verdict.score, verdict.reason, {"claims": claims}, None, spent)
        values.append(verdict.score.value)
        claim |= {"supported": values[-1] >= 0.5, "probability": values[-1], "reason": verdict.reason}
    detail = {"claims": claims, "unsupported": unsupported(claims)}
    return Verdict(Scored(sum(claim["supported"] for claim in claims) / len(claims)), "", detail, None, spent)
