"""A language model as a judge, after Zheng et al. 2023, "Judging LLM-as-a-Judge" (arXiv 2306.05685)."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from assay import __version__
from assay.digest import Digest, digest, digest_text
from assay.errors import InputError, InvalidOutput
from assay.evaluation.judges.forms import ClaimVerdicts
from assay.evaluation.judges.locating import locate
from assay.evaluation.judges.parsing import PARSER_REVISION, Reading, read
from assay.evaluation.judges.rendering import again, render
from assay.evaluation.judges.rubrics import Rubric, shipped
from assay.evaluation.judging import Item, Verdict
from assay.evaluation.scoring import Spent
from assay.messages import Message, System, User
from assay.models.chat import ChatModel, Finished, Request
from assay.models.whole import whole
from assay.scores import Unscored

JUDGED_FIELD = {"faithfulness": "answer", "context_recall": "expected"}
"""The field whose claims a rubric judges: what the spans of unsupported claims count in."""


class UnreadableReply(InvalidOutput):
    """A judge's reply could not be read, twice; ``spent`` is what both cost."""

    def __init__(self, message: str, *, model: str, spent: Spent) -> None:
        self.spent = spent
        super().__init__(message, model=model)


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a judge's model writes. ``options`` go to the provider as they are."""

    temperature: float | None = 0.0
    max_tokens: int | None = 2048
    seed: int | None = 0
    stop: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def request(self, messages: tuple[Message, ...], repeat: int) -> Request:
        """The request; each repeat has a seed of its own, since the same one would say the same again."""
        seed = None if self.seed is None else self.seed + repeat
        return Request(messages, self.temperature, self.max_tokens, self.stop, seed, options=self.options)

    def as_json(self) -> dict[str, Any]:
        return {
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "seed": self.seed,
            "stop": list(self.stop),
            "options": dict(self.options),
        }


class LlmJudge:
    """Judges by asking a chat model with a rubric's prompt, and once more where its reply cannot be read.

    A verdict's detail has what ``parsing.Reading`` names, ``model`` (which one answered) and, for lists of
    claims, each claim's ``start`` and ``end`` in the judged text where it was found there and ``unsupported``,
    the spans ``[start, end]`` of claims without support. ``uncertain`` is None: a model that says how sure it
    is cannot be trusted in that either. An empty required field is Unscored and costs no call.
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        rubrics: Iterable[Rubric] = (),
        decoding: Decoding | None = None,
        revision: str = "",
    ) -> None:
        """``rubrics`` come beside the shipped ones and take the place of those with their names.

        ``revision`` names the weights behind the model's name as far as anybody knows: a server's digest, a
        dated snapshot. It changes nothing but what verdicts are kept under.
        """
        self._model = model
        self._rubrics = {**shipped(), **{rubric.name: rubric for rubric in rubrics}}
        self._decoding = decoding or Decoding()
        self._revision = revision
        known = {name: rubric.digest for name, rubric in self._rubrics.items()}
        self._identity = f"{model.identity}@{digest([self._made_with(), known])[:16]}"

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def rubrics(self) -> frozenset[str]:
        return frozenset(self._rubrics)

    def material(self, item: Item) -> dict[str, Any]:
        """All that the verdict on this item depends on, JSON-like: what it is kept under. Raises InputError.

        It holds this item's rubric only, so that a change to one leaves verdicts by the others kept.
        """
        rubric = self._rubric(item)
        messages = render(rubric, item)
        return {
            **self._made_with(),
            "rubric": rubric.name,
            "rubric_digest": rubric.digest,
            "messages": [[type(message).__name__, _text(message)] for message in messages],
            "fields": dict(item.fields),
            "repeat": item.repeat,
        }

    async def judge(self, item: Item) -> Verdict:
        """Raises InputError for an item that no rubric of this judge takes, UnreadableReply, and ModelError
        as the model raises it, RateLimited too: who runs many items has to slow down."""
        rubric = self._rubric(item)
        messages = render(rubric, item)
        blank = rubric.blank(item)
        if blank is not None:
            return Verdict(Unscored(f"the {blank} is empty"))
        spent, wrong = Spent(), ""
        for _ in range(2):
            finished = await whole(self._model, self._decoding.request(messages, item.repeat))
            spent += _spent(finished)
            try:
                reading = read(finished.text, rubric.form, self._model.identity)
            except InvalidOutput as error:
                wrong = _said(error, finished, self._decoding)
                last = messages[-1]
                assert isinstance(last, User)
                messages = (*messages[:-1], again(last, wrong))
                continue
            return Verdict(reading.score, reading.reason, self._detail(reading, rubric, item, finished), None, spent)
        message = f"the judge's reply cannot be read: {wrong}"
        raise UnreadableReply(message, model=self._model.identity, spent=spent)

    def _detail(self, reading: Reading, rubric: Rubric, item: Item, finished: Finished) -> dict[str, Any]:
        detail = {**reading.detail, "model": finished.model}
        judged = item.fields.get(JUDGED_FIELD.get(rubric.name, "answer"))
        if "claims" not in detail or judged is None:
            return detail
        claims = [placed(claim, judged) for claim in detail["claims"]]
        detail["claims"] = claims
        if isinstance(rubric.form, ClaimVerdicts):
            detail["unsupported"] = unsupported(claims)
        return detail

    def _rubric(self, item: Item) -> Rubric:
        try:
            return self._rubrics[item.rubric]
        except KeyError:
            known = ", ".join(sorted(self._rubrics))
            raise InputError(f"{self._model.identity} has no rubric {item.rubric!r}; it has {known}") from None

    def _made_with(self) -> dict[str, Any]:
        return {
            "model": self._model.identity,
            "revision": self._revision,
            "parser": PARSER_REVISION,
            "code": code_revision(),
            "decoding": self._decoding.as_json(),
        }


def placed(claim: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The claim with ``start`` and ``end`` in ``text``, without them where it is not found there."""
    span = locate(str(claim["claim"]), str(claim.get("quote", "")), text)
    return dict(claim) if span is None else {**claim, "start": span[0], "end": span[1]}


def unsupported(claims: Iterable[Mapping[str, Any]]) -> list[list[int]]:
    """The spans of the claims without support that were found, each once, in order."""
    spans = {(claim["start"], claim["end"]) for claim in claims if not claim["supported"] and "start" in claim}
    return [list(span) for span in sorted(spans)]


@functools.cache
def code_revision() -> Digest:
    """The digest of the code that makes a prompt of an item and a verdict of a reply.

    A revision that people raise is forgotten once; the files themselves are not. Where Assay is
    installed without them, its version stands in.
    """
    folder = resources.files("assay.evaluation.judges")
    names = ("forms", "llm", "locating", "parsing", "rendering", "rubrics")
    try:
        return digest({name: digest_text((folder / f"{name}.py").read_text(encoding="utf-8")) for name in names})
    except OSError:
        return digest(__version__)


def _spent(finished: Finished) -> Spent:
    return Spent(1, finished.usage.input, finished.usage.output, finished.cost)


def _said(error: InvalidOutput, finished: Finished, decoding: Decoding) -> str:
    wrong = str(error).removeprefix(f"{error.model}: ")
    if finished.reason == "length":
        return f"{wrong} (cut off at max_tokens = {decoding.max_tokens})"
    return wrong


def _text(message: Message) -> str:
    assert isinstance(message, System | User)
    return message.text
