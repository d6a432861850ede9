"""The model of the drill: it answers from the passages that it is shown, and has the faults that it is named for.

It is a server on a local port that speaks OpenAI's API. What it is asked for as ``model`` says how it behaves, so
that a release is made worse in the way releases are made worse: by another model, or by another prompt.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

from assay.models.chat import Usage
from assay.testing.model_server import ModelServer, Received
from assay.testing.replies import Fail, Reply, Say, error_body

INVENTING = "Add what you know from elsewhere"
"""A prompt that says this is obeyed."""
_PASSAGE = re.compile(r"^\[(\d+)\][^\n]*\n(~{3,})\n(.*?)\n\2$", re.MULTILINE | re.DOTALL)
_SENTENCE = re.compile(r"[A-Z`][^.\n|#>]{40,240}\.(?=\s|$)")
_INVENTED = (
    "This has been certified by 14 national laboratories since 1987.",
    "Every installation is inspected by two engineers from Reykjavik each March.",
    "The same was true of its predecessor, which ran on 9,000 mainframes.",
)


@dataclass(slots=True)
class Behaviour:
    """``errors`` is the share of requests that fail, ``delay`` the median seconds before the first word."""

    errors: float = 0.0
    delay: float = 0.15


BEHAVIOURS = {
    "steady": Behaviour(),
    "failing": Behaviour(errors=0.10),
    "slow": Behaviour(delay=0.4),
    "shaky": Behaviour(errors=0.03),
}


@dataclass(slots=True)
class Model:
    """Replies by what was asked. One seed gives one sequence of faults and delays."""

    random: random.Random = field(default_factory=lambda: random.Random(7))

    def reply(self, request: Received) -> Reply:
        """Answer as the model that was named."""
        behaviour = BEHAVIOURS[str(request.body.get("model"))]
        if self.random.random() < behaviour.errors:
            # A refusal of the request: what a client does not ask again for.
            return Fail(400, body=error_body("the drill's injected failure", "injected"))
        told = "\n".join(_text(message) for message in request.body["messages"])
        said = _answer(told, self.random)
        delay = behaviour.delay * self.random.lognormvariate(0.0, 0.45)
        return Say(
            said,
            pieces=re.split(r"(?<=\]) ", said),
            delay=delay,
            usage=Usage(input=len(told) // 4, output=len(said) // 4),
        )

    def server(self) -> ModelServer:
        """A server that is not running yet."""
        return ModelServer(self.reply)


def _text(message: dict[str, object]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def _answer(told: str, lot: random.Random) -> str:
    """The first whole sentences of the best passages, cited; and more where the prompt asks for it."""
    found = [
        f"{sentence[0]} [{number}]"
        for number, _, text in _PASSAGE.findall(told)[:3]
        if (sentence := _SENTENCE.search(text))
    ]
    if not found:
        return "I cannot answer this from the documents."
    if INVENTING in told:
        return f"{found[0]} {lot.choice(_INVENTED)} [1] {lot.choice(_INVENTED)} [1]"
    return " ".join(found[:2])
