"""The prompts of synthesis, each a file with a digest, and what is read out of the replies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from assay.digest import Digest, digest, digest_text
from assay.documents import Chunk
from assay.errors import InvalidOutput
from assay.evaluation.scoring import Spent
from assay.evaluation.synthesis.candidates import Candidate, Kind, Seed
from assay.language.control_tokens import neutral
from assay.language.refusals import refuses
from assay.messages import Message, System, User
from assay.models.chat import ChatModel, Request
from assay.models.whole import whole

CHECK = "check"
_FILES: Mapping[Kind, str] = {
    "single-passage": "single_passage",
    "multi-passage": "multi_passage",
    "unanswerable": "unanswerable",
}
_USER = "---user---\n"
_VARIABLE = re.compile(r"\{\{(\w+)\}\}")
_THOUGHT = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_LABEL = re.compile(r"[\W_]*(QUESTION|ANSWER|Q|A)[\W_]*:(.*)", re.IGNORECASE | re.DOTALL)
_AROUND = " \t\"'*_"
_NOT_ANSWERED = re.compile(r"\W*not[ _]answered\b", re.IGNORECASE)
# Room for a model that thinks aloud; the reply itself is two lines.
_TOKENS = 1_024


@dataclass(frozen=True, slots=True)
class Template:
    """A prompt file; its digest is kept with every case that came of it."""

    text: str

    @property
    def digest(self) -> Digest:
        return digest_text(self.text)

    def render(self, **values: str) -> tuple[Message, ...]:
        """System and user message, each ``{{name}}`` replaced once."""
        system, _, user = _VARIABLE.sub(lambda match: values[match[1]], self.text).partition(_USER)
        return System(system.strip()), User(user.strip())


@cache
def template(name: str) -> Template:
    """A prompt that ships with Assay."""
    text = files(__package__).joinpath("prompts", f"{name}.md").read_text(encoding="utf-8")
    return Template(text.replace("\r\n", "\n"))


def template_of(kind: Kind) -> Template:
    """What a question of this kind is written by."""
    return template(_FILES[kind])


async def write(model: ChatModel, seed: Seed) -> tuple[Candidate | None, Spent]:
    """A candidate by a model, None where its reply holds none; and what that cost. Raises ModelError."""
    messages = template_of(seed.kind).render(passages=_quoted(seed.passages), link=" ".join(seed.link.split()))
    reply, spent = await _say(model, Request(messages, max_tokens=_TOKENS))
    question, answer = _parts(reply)
    if seed.kind == "unanswerable":
        return (Candidate(seed, question, None) if question else None), spent
    return (Candidate(seed, question, answer) if question and answer else None), spent


def _parts(reply: str) -> tuple[str, str]:
    """The question and the answer in a reply, each empty where it has none.

    They stand behind their labels or on the line below; without any label, a question alone on the first line and
    its answer on the second are those. Of several pairs it is the first.
    """
    lines = [line.strip() for line in reply.splitlines() if line.strip(_AROUND + "`")]
    found: dict[str, str] = {}
    for at, line in enumerate(lines):
        if (label := _LABEL.match(line)) is not None:
            told = label[2].strip(_AROUND)
            if not told and at + 1 < len(lines) and _LABEL.match(lines[at + 1]) is None:
                told = lines[at + 1].strip(_AROUND)
            found.setdefault(label[1][0].upper(), told)
    if not found and 1 <= len(lines) <= 2 and lines[0].strip(_AROUND).endswith("?"):
        return lines[0].strip(_AROUND), lines[1].strip(_AROUND) if len(lines) == 2 else ""
    return found.get("Q", ""), found.get("A", "")


async def read(model: ChatModel, question: str, passages: Sequence[Chunk]) -> tuple[str | None, Spent]:
    """What a model answers from these passages alone, None where they do not answer; and what that cost.

    Raises ModelError, InvalidOutput among them where nothing was said.
    """
    messages = template(CHECK).render(passages=_quoted(passages), question=neutral(question))
    reply, spent = await _say(model, Request(messages, temperature=0, max_tokens=_TOKENS))
    if not reply:
        raise InvalidOutput("the reply to the check is empty", model=model.identity)
    return (None if _NOT_ANSWERED.match(reply) or refuses(reply) else reply), spent


def _quoted(passages: Sequence[Chunk]) -> str:
    """Passages between marks that they cannot close: the mark holds a word that none of them has."""
    drawn = 0
    while (mark := digest([[p.text for p in passages], drawn])[:8]) and any(mark in p.text for p in passages):
        drawn += 1
    return "\n\n".join(
        f"--- passage {number} {mark} ---\n{neutral(passage.context)}\n\n{neutral(passage.text.strip())}\n"
        f"--- end {number} {mark} ---"
        for number, passage in enumerate(passages, 1)
    )


async def _say(model: ChatModel, request: Request) -> tuple[str, Spent]:
    finished = await whole(model, request)
    spent = Spent(1, finished.usage.input, finished.usage.output, finished.cost)
    return _THOUGHT.sub(" ", finished.text).strip(), spent
