"""From a judge's name to the judge.

``offline``                 the judge that needs no language model
``NAME``                    a model of the application, such as ``main``
``claims:NAME``             the same, faithfulness claim by claim
``panel:A,B,C``             several of them, their mean; ``majority:A,B,C`` the side that most take
``cascade:A,B``             A first, B where A is in doubt; ``cascade:A,B@0.3-0.7`` with this band
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from assay.errors import InputError
from assay.evaluation.judges.cascade import BAND, Band, Cascade
from assay.evaluation.judges.claimwise import Claimwise
from assay.evaluation.judges.kept import KeptJudge, Verdicts
from assay.evaluation.judges.llm import Decoding, LlmJudge
from assay.evaluation.judges.pairwise import BothOrders
from assay.evaluation.judges.panel import Panel
from assay.evaluation.judges.rubrics import Rubric
from assay.evaluation.judging import Judge
from assay.models.chat import ChatModel

OFFLINE = "offline"
JOINING = ("panel", "majority", "cascade", "claims")


def _offline() -> Judge:
    from assay.evaluation.judges.offline.judge import OfflineJudge  # reads its coefficients: not for the others

    return OfflineJudge()


@dataclass(frozen=True, slots=True)
class Bench:
    """What judges are made from. ``models`` by name; ``revisions`` of their weights by the same names, where
    known; ``verdicts`` where they are kept, None to keep none."""

    models: Mapping[str, ChatModel] = field(default_factory=dict)
    rubrics: tuple[Rubric, ...] = ()
    decoding: Decoding = field(default_factory=Decoding)
    revisions: Mapping[str, str] = field(default_factory=dict)
    verdicts: Verdicts | None = None
    offline: Callable[[], Judge] = _offline

    def open(self, name: str) -> Judge:
        """The judge of this name (see the file's head). Raises InputError, with the nearest name, for another."""
        kind, colon, rest = name.strip().partition(":")
        if not colon or name.strip() in self.models:
            return self._one(name.strip())
        if kind not in JOINING:
            raise InputError(f"no judge {name!r}; {_nearest(kind, JOINING)}")
        if kind == "claims":
            return Claimwise(self._one(rest.strip()))
        members, _, ends = rest.partition("@")
        names = [member.strip() for member in members.split(",")]
        if len(set(names)) < len(names):
            raise InputError(f"{name!r} names a judge twice; a judge that agrees with itself says nothing more")
        if kind == "cascade":
            return self._cascade(name, names, ends)
        if ends:
            raise InputError(f"{name!r}: only a cascade takes a band after @")
        judges = {member: self._one(member) for member in names}
        return Panel(judges, how="majority" if kind == "majority" else "mean")

    def _cascade(self, name: str, names: list[str], ends: str) -> Judge:
        if len(names) != 2:
            raise InputError(f"{name!r}: a cascade has two judges, such as cascade:{OFFLINE},main")
        return Cascade(self._one(names[0]), self._one(names[1]), _band(name, ends), names=(names[0], names[1]))

    def _one(self, name: str) -> Judge:
        if name == OFFLINE:
            return self._kept(self.offline())
        model = self.models.get(name)
        if model is None:
            raise InputError(f"no judge {name!r}; {_nearest(name, (OFFLINE, *self.models))}")
        revision = self.revisions.get(name, "")
        judge = LlmJudge(model, rubrics=self.rubrics, decoding=self.decoding, revision=revision)
        return BothOrders(self._kept(judge))

    def _kept(self, judge: Judge) -> Judge:
        return judge if self.verdicts is None else KeptJudge(judge, self.verdicts)


def _band(name: str, ends: str) -> Band:
    if not ends:
        return BAND
    try:
        low, high = (float(end) for end in ends.split("-"))
    except ValueError:
        raise InputError(f"{name!r}: {ends!r} is no band; write it like cascade:{OFFLINE},main@0.3-0.7") from None
    return Band(low, high)


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
