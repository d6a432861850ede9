"""What part of past traffic a change of release can affect, told from what was recorded of each answer.

Each change is turned into a condition on a recorded answer that is true wherever the change can alter it; in doubt
it is true. So the count is an upper one: answers that are not counted would have come out the same, as long as
documents, index and providers stay as they are. Two things are taken for granted: that a model whose window the file
does not give has room for the evidence, and that two tokenizers differ by less than a factor of two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from assay.answering.abstention import THRESHOLD
from assay.digest import canonical
from assay.releases.evidence import Room, room
from assay.releases.file.sections import EXTRACTIVE
from assay.releases.history.differences import Change
from assay.releases.history.past import Past

Content: TypeAlias = Mapping[str, Any]
Documents: TypeAlias = Mapping[str, frozenset[str]]
"""The documents of each source, as far as they are known."""

_NOT_ENFORCED = "declared only: this version of Assay does not enforce it"


@dataclass(frozen=True, slots=True)
class Reach:
    """Which answers a change can alter: ``who`` says it in words, ``touches`` decides. ``told`` is False where
    nothing recorded can narrow it down."""

    who: str
    touches: Callable[[Past], bool]
    told: bool = True


_SEARCHED = Reach("every question that was searched for", lambda past: past.searched, told=False)


@dataclass(frozen=True, slots=True)
class Reached:
    """A change with the number of past answers that it can alter."""

    key: str
    who: str
    answers: int
    told: bool


@dataclass(frozen=True, slots=True)
class Affected:
    """Of ``answers`` recorded ones ``touched`` can come out otherwise; ``since`` is the oldest, in nanoseconds."""

    answers: int
    touched: int
    since: int | None
    changes: tuple[Reached, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "answers": self.answers,
            "touched": self.touched,
            "since": self.since,
            "changes": [
                {"key": each.key, "who": each.who, "answers": each.answers, "told": each.told} for each in self.changes
            ],
        }


def affected(
    changes: Sequence[Change],
    old: Content,
    new: Content,
    answers: Sequence[Past],
    *,
    documents: Documents | None = None,
) -> Affected:
    """How many of ``answers``, which the release ``old`` gave, ``changes`` can alter, together and one by one."""
    reaches = [(change.key, reach(change, old, new, documents or {})) for change in changes]
    before, after = room(old), room(new)
    if before != after and not any(change.setting == "answer.context_tokens" for change in changes):
        reaches.append(("room for evidence", _evidence(before, after, old)))
    reached = tuple(Reached(key, each.who, sum(map(each.touches, answers)), each.told) for key, each in reaches)
    touched = sum(any(each.touches(answer) for _, each in reaches) for answer in answers)
    return Affected(len(answers), touched, min((answer.started for answer in answers), default=None), reached)


def reach(change: Change, old: Content, new: Content, documents: Documents | None = None) -> Reach:
    """Which answers of the release ``old`` one of the changes to ``new`` can alter."""
    section = change.setting.partition(".")[0]
    if change.group == "Alters no answer":
        return Reach("none", _nobody)
    match section:
        case "answer":
            return _answer(change, old, new)
        case "app":
            used = any("{{app}}" in _prompt_text(content).replace(" ", "") for content in (old, new))
            return _prompt(old) if used else Reach("none: no prompt uses {{app}}", _nobody)
        case "models":
            return _model(change, old, new)
        case "sources":
            return _source(change, old, new, documents or {})
        case "limits" if change.setting == "limits.data":
            return Reach("none: it is checked when the file is read, and both pass", _nobody)
        case "limits":
            return Reach(f"none: {_NOT_ENFORCED}", _nobody)
        case "retrieval" | "index" | "embedders":
            return _SEARCHED
        case _:
            return Reach("every answer", lambda _: True, told=False)


def _answer(change: Change, old: Content, new: Content) -> Reach:
    match change.setting:
        case "answer.abstain_below":
            return _threshold(_limit(change.old), _limit(change.new))
        case "answer.context_tokens":
            return _evidence(room(old), room(new), old)
        case "answer.unsupported":
            return Reach("answers with a sentence that no passage supports", _unsupported)
        case "answer.route":
            return _route(old, new)
        case setting if setting.startswith("answer.prompt"):
            return _prompt(old)
        case _:
            return Reach("every answer", lambda _: True, told=False)


def _nobody(_: Past) -> bool:
    return False


def _unsupported(past: Past) -> bool:
    return past.attempts > 0 and past.unsupported is not False


def _limit(side: Any) -> float:
    return THRESHOLD if side is None or side.value is None else float(side.value)


def _threshold(old: float, new: float) -> Reach:
    low, high = sorted((old, new))
    if low == high:
        return Reach(f"none: {low:g} is what applies anyway", _nobody)

    def between(past: Past) -> bool:
        if not past.judged or past.settled:
            return False
        return past.confidence is None or low <= past.confidence < high

    what = "answered with" if new > old else "refused at"
    return Reach(f"{what} a confidence from {low:g} to {high:g}", between)


def _evidence(before: Room, after: Room, old: Content) -> Reach:
    """Answers whose passages may be others, since the room for them, or the counting of it, has changed."""
    if before == after:
        return Reach("none: the models' windows leave less room anyway", _nobody)
    spread = 1 + 2 * int(old["retrieval"].get("neighbours", 0))
    overlap = int(old["index"].get("overlap", 0)) + 32  # and the label that each chunk carries
    slack = 2.0 if before.counter != after.counter else 1.0
    least = min(before.tokens, after.tokens)

    def may_differ(past: Past) -> bool:
        if not past.searched:
            return False
        if past.over or past.tokens is None:
            return True
        if past.over is None or past.joined is None:  # recorded without content: half full is taken for full
            return past.tokens * 2 * slack > least
        return (past.tokens * spread + past.joined * overlap) * slack > least

    who = f"answers whose evidence may not fit {least:,} tokens, or did not"
    return Reach(who if slack == 1 else f"{who}, by either count", may_differ)


def _prompt_text(content: Content) -> str:
    prompt = content["answer"].get("prompt") or {}
    return f"{prompt.get('system', '')}\n{prompt.get('user', '')}"


def _models(content: Content) -> list[Mapping[str, Any]]:
    """The models in the order in which they are tried."""
    return [content["models"][name] for name in content["answer"]["route"]]


def _prompt(old: Content) -> Reach:
    asking = [place for place, model in enumerate(_models(old)) if model["uses"] != EXTRACTIVE]
    if not asking:
        return Reach("none: no language model is asked, and what only quotes reads no prompt", _nobody)
    return Reach("answers that reached a language model", lambda past: past.attempts > asking[0])


def _route(old: Content, new: Content) -> Reach:
    before, after = _models(old), _models(new)
    first = next((n for n, (one, other) in enumerate(zip(before, after, strict=False)) if not _same(one, other)), None)
    if first is None:
        first = min(len(before), len(after))
        if len(before) == len(after):
            return Reach("none: the same models in the same order", _nobody)
    return _from(first, "the first that is another now" if first else "a model")


def _model(change: Change, old: Content, new: Content) -> Reach:
    if change.setting == "models.*.price":
        return Reach(f"none: {_NOT_ENFORCED}", _nobody)
    places = [side["answer"]["route"].index(change.name) for side in (old, new) if change.name in side["models"]]
    name = f"models.{change.name}"
    if change.old is not None and change.new is not None:
        return _from(places[0], name)
    sides = _models(old), _models(new)
    alike = [at < min(map(len, sides)) and _same(sides[0][at], sides[1][at]) for at in places]
    if all(alike):
        return Reach("none: the same settings under another name", _nobody)
    return _from(min(places), name if change.new is None else f"the place of {name} in the route")


def _from(place: int, name: str) -> Reach:
    """Answers for which the model in this place of the route was tried, or would be now."""

    def reached(past: Past) -> bool:
        return past.attempts > place or (past.attempts == place > 0 and past.failed)

    return Reach(f"answers that reached {name}", reached)


def _source(change: Change, old: Content, new: Content, documents: Documents) -> Reach:
    """Readers who may see the source; of what was taken from them, those whose search had met it."""
    if change.name is None:
        return _SEARCHED
    name = change.name
    before, after = _access(old, name), _access(new, name)
    known = documents.get(name)
    loses = change.new is None or change.setting == "sources.*.access"
    filters = change.setting == "sources.*.metadata"

    def touches(past: Past) -> bool:
        if not past.searched or (filters and past.filtered is False):
            return False
        if past.groups is None:
            return True
        saw, sees = bool(past.groups & before), bool(past.groups & after)
        if change.setting == "sources.*.access" and saw == sees:
            return False
        if loses and saw and not sees and known is not None and past.candidates is not None:
            return bool(past.candidates & known)
        return saw or sees

    if change.setting == "sources.*.access":
        return Reach("readers who see the source in only one of the two", touches)
    whom = ", ".join(sorted(before | after))
    if change.new is None and known is not None:
        return Reach(f"readers of {whom} whose search had met its documents", touches)
    return Reach(f"readers of {whom}" + (" who filtered by metadata" if filters else ""), touches)


def _access(content: Content, name: str) -> frozenset[str]:
    found = (source["access"] for source in content["sources"] if source.get("name") == name)
    return frozenset(next(found, ()))


def _same(one: object, other: object) -> bool:
    return canonical(one) == canonical(other)
