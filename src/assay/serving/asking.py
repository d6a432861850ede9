"""From a chat-completion request to the question that it asks."""

from __future__ import annotations

from dataclasses import dataclass

from assay.answering.events import Question
from assay.answering.numbering import unmarked
from assay.errors import InputError
from assay.messages import Turn
from assay.serving.errors import CALLER, Refused
from assay.serving.requests import AssistantMessage, ChatMessage, ChatRequest
from assay.serving.schemas import ErrorBody
from assay.serving.served import Served

SHORTEST_PREFIX = 8
LISTED = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what its caller should know was not used."""

    question: Question
    warnings: tuple[str, ...]


def asked(request: ChatRequest, groups: frozenset[str]) -> Asked:
    """Read a request. Raises InputError if the last message is not the user's or holds nothing."""
    *before, last = request.messages
    if last.role != "user":
        raise InputError("messages: the last one must have the role 'user'")
    if not last.text.strip():
        raise InputError("messages: the last one is empty; ask a question")
    history = tuple(turn for message in before if (turn := _turn(message)) is not None)
    question = Question(last.text, history=history, groups=groups, where=request.assay.where)
    return Asked(question, tuple(_warnings(before, request.ignored)))


def _turn(message: ChatMessage) -> Turn | None:
    if isinstance(message, AssistantMessage):
        text = unmarked(message.text)
        return Turn("assistant", text) if text.strip() else None
    if message.role == "user" and message.text.strip():
        return Turn("user", message.text)
    return None


def _warnings(before: list[ChatMessage], ignored: list[str]) -> list[str]:
    found: list[str] = []
    instructions = sum(message.role in ("system", "developer") for message in before)
    if instructions:
        found.append(f"{instructions} system message(s) ignored: the application's own prompt is used")
    if ignored:
        names = ", ".join(name[:50] for name in ignored[:LISTED]) + (", …" if len(ignored) > LISTED else "")
        found.append(f"ignored, since the release sets how answers are made: {names}")
    return found


def check_model(name: str, application: Served) -> None:
    """Raise Refused(404) unless ``name`` is this application, its release, or enough of the digest's beginning."""
    digest = application.release.digest
    if name != application.name and not (len(name) >= SHORTEST_PREFIX and digest.startswith(name)):
        message = f"model {name!r} does not exist here; use {application.name!r}"
        raise Refused(404, ErrorBody(message=message, type=CALLER, param="model", code="model_not_found"))
