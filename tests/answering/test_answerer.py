from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import pytest

from assay import traces
from assay.answering import spans
from assay.answering.abstention import Gate
from assay.answering.answerer import LONGEST_QUESTION, Answerer, Recipe
from assay.answering.attribution import Known, attribute
from assay.answering.context import Context, assemble
from assay.answering.events import Answer, AnswerEvent, Failed, Question, Sentence
from assay.answering.extractive import ExtractiveWriter
from assay.answering.prompt import DEFAULT, load_prompt
from assay.answering.prompted import PromptedWriter, last_turns
from assay.answering.reading import Reader
from assay.answering.writer import Writer
from assay.errors import InputError, ModelTimeout, NotFound, StoreError, StreamBroken
from assay.messages import Turn, User
from assay.models.chat import ChatEvent, Request, TextDelta, Usage
from assay.testing.chat_model import Scripted, ScriptedModel

pytestmark = pytest.mark.anyio

UPLOADS = "Uploads are limited to 10 MB for every user. Larger files are refused with an error."
QUESTION = "What are uploads limited to for every user?"
TRUE = "Uploads are limited to 10 MB [1]. Larger files are refused [1]."


class Setup:
    """An answerer over two documents, one of them secret, and what it recorded."""

    def __init__(self, make: SimpleNamespace, *, content: bool = True) -> None:
        self.make, self.recording = make, make.recording(content=content)
        self.shelf = make.shelf(
            make.chunk(UPLOADS, document="uploads.md", title="Uploads"),
            make.chunk("Keys are rotated by the board every 90 days.", document="keys.md", access=("board",)),
        )

    def prompted(self, *script: Scripted) -> tuple[ScriptedModel, PromptedWriter]:
        model = ScriptedModel(script)
        return model, PromptedWriter(model, load_prompt(DEFAULT, "p"), app="handbook")

    def answerer(self, *writers: Writer, **recipe: object) -> Answerer:
        reader = Reader(self.make.tokens(), frequencies=self.make.frequencies)
        made = Recipe(release="r" * 64, **recipe)  # type: ignore[arg-type]
        chosen = writers or (ExtractiveWriter(self.make.words),)
        return Answerer(self.shelf, reader, Gate(), chosen, self.recording.recorder, made)

    async def ask(self, question: Question | str, *writers: Writer, **recipe: object) -> list[AnswerEvent]:
        asked = Question(question) if isinstance(question, str) else question
        return [event async for event in self.answerer(*writers, **recipe).answer(asked)]


@pytest.fixture
def setup(make: SimpleNamespace) -> Setup:
    return Setup(make)


def answer_of(events: Sequence[AnswerEvent]) -> Answer:
    assert all(isinstance(event, Sentence) for event in events[:-1])
    assert isinstance(events[-1], Answer)
    return events[-1]


async def test_an_extractive_answer_is_cited_and_traced(setup: Setup) -> None:
    events = await setup.ask(QUESTION)
    answer, trace = answer_of(events), setup.recording.trace()
    assert answer.text == UPLOADS.split(". ")[0] + "." or answer.text.startswith("Uploads are limited to 10 MB")
    assert answer.text == "".join(e.text for e in events if isinstance(e, Sentence))
    assert all(UPLOADS[c.start : c.end] == c.quote for c in answer.citations)
    assert (answer.model, answer.cost, answer.trace, answer.release) == ("extractive", 0.0, trace.id, "r" * 64)
    assert 0 < answer.first_token_milliseconds <= answer.milliseconds
    assert [s.name for s in trace.spans] == ["answer", "retrieve", "context", "gate", "generate"]
    assert {s.parent for s in trace.spans[1:]} == {trace.root.id}
    assert trace.release == "r" * 64
    root = trace.root.attributes
    assert root[traces.QUESTION] == QUESTION
    assert root[traces.ANSWER] == answer.text
    assert root[traces.CONFIDENCE] == answer.confidence
    assert json.loads(str(root[traces.CITATIONS]))[0]["document"] == "uploads.md"


async def test_a_model_s_answer_carries_prompt_tokens_and_cost(setup: Setup) -> None:
    model, writer = setup.prompted(TRUE)
    events = await setup.ask(QUESTION, writer)
    answer = answer_of(events)
    assert answer.text == "Uploads are limited to 10 MB. Larger files are refused."
    assert [len(e.citations) for e in events if isinstance(e, Sentence)] == [1, 1]
    assert answer.model == "scripted:model"
    assert answer.usage.output == len(TRUE.split())
    span = spans.last_span(setup.recording.trace(), spans.GENERATE)
    assert span is not None
    assert "10 MB for every user" in str(span.attributes[traces.INPUT_MESSAGES])
    assert "[1]" in str(span.attributes[traces.OUTPUT_MESSAGES])
    assert span.attributes[traces.OUTPUT_TOKENS] == answer.usage.output
    assert span.attributes[traces.REQUEST_TEMPERATURE] == 0.0
    (request,) = model.requests
    assert isinstance(request.messages[-1], User)


async def test_sentences_come_while_the_model_still_writes(setup: Setup) -> None:
    gate = asyncio.Event()

    class Slow(ScriptedModel):
        async def stream(self, request: Request) -> AsyncIterator[ChatEvent]:
            yield TextDelta("Uploads are limited to 10 MB [1]. Larger files")
            await gate.wait()
            yield TextDelta(" are refused [1].")
            raise StreamBroken("cut", model="m")

    writer = PromptedWriter(Slow([""]), load_prompt(DEFAULT, "p"), app="a")
    events = setup.answerer(writer).answer(Question(QUESTION))
    first = await asyncio.wait_for(anext(events), 5)
    assert isinstance(first, Sentence)
    assert first.text == "Uploads are limited to 10 MB."
    gate.set()
    assert isinstance([event async for event in events][-1], Failed)


@pytest.mark.parametrize("groups", [{"public"}, {"public", "board"}])
async def test_lack_of_permission_looks_like_absence(make: SimpleNamespace, groups: set[str]) -> None:
    question = Question("How often are keys rotated by the board?", groups=frozenset(groups))
    setup, without = Setup(make), Setup(make)
    without.shelf.chunks = without.shelf.chunks[:1]
    here, absent = answer_of(await setup.ask(question)), answer_of(await without.ask(question))
    if "board" in groups:
        assert here.abstained is None
        assert here.citations[0].document == "keys.md"
        return
    assert (here.abstained, here.text, here.confidence) == (absent.abstained, absent.text, absent.confidence)
    assert here.abstained is not None
    assert here.abstained.reason == "not_in_corpus"


@pytest.mark.parametrize(
    ("text", "reason"), [("", "underspecified"), (" ?! ", "underspecified"), ("why?", "underspecified")]
)
async def test_a_question_that_asks_nothing(setup: Setup, text: str, reason: str) -> None:
    answer = answer_of(await setup.ask(text))
    assert answer.abstained is not None
    assert answer.abstained.reason == reason
    assert answer.text == answer.abstained.detail
    assert setup.recording.trace().root.attributes[traces.ABSTAINED] == reason


async def test_a_question_that_is_too_long_fails(setup: Setup) -> None:
    (failed,) = await setup.ask("x" * (LONGEST_QUESTION + 1))
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, InputError)
    assert setup.recording.trace().root.error


@pytest.mark.parametrize(
    ("draft", "reason"),
    [
        ("I cannot answer this from the documents.", "not_in_corpus"),
        ("Uploads are limited to 25 MB [1].", "unsupported"),
        ("Here is what I found:", "unsupported"),
        ("", "unsupported"),
    ],
)
@pytest.mark.parametrize("unsupported", ["withhold", "mark"])
async def test_a_draft_without_support_is_an_abstention(
    setup: Setup, draft: str, reason: str, unsupported: str
) -> None:
    events = await setup.ask(QUESTION, setup.prompted(draft)[1], unsupported=unsupported)
    answer = answer_of(events)
    assert len(events) == 1
    assert answer.abstained is not None
    assert answer.abstained.reason == reason
    assert answer.citations == ()


async def test_the_next_writer_is_tried_while_nothing_was_shown(setup: Setup) -> None:
    broken, first = setup.prompted([TextDelta("Uploads are"), ModelTimeout("late", model="m")])
    events = await setup.ask(QUESTION, first, ExtractiveWriter(setup.make.words))
    assert answer_of(events).model == "extractive"
    assert [str(failure) for failure in answer_of(events).failures] == ["m: late"]
    attempts = [s for s in setup.recording.trace().spans if s.name == spans.GENERATE]
    assert [bool(s.error) for s in attempts] == [True, False]
    assert "Uploads are" in str(attempts[0].attributes[traces.OUTPUT_MESSAGES])
    assert len(broken.requests) == 1


async def test_two_halves_are_never_one_answer(setup: Setup) -> None:
    _, first = setup.prompted(
        [TextDelta("Uploads are limited to 10 MB [1]. Larger files"), StreamBroken("cut", model="m")]
    )
    events = await setup.ask(QUESTION, first, ExtractiveWriter(setup.make.words))
    assert isinstance(events[0], Sentence)
    assert isinstance(events[-1], Failed)
    assert isinstance(events[-1].error, StreamBroken)
    assert len(events) == 2


async def test_when_every_writer_fails_each_error_is_told(setup: Setup) -> None:
    failing = [setup.prompted([ModelTimeout(f"late {i}", model="m")])[1] for i in range(2)]
    (failed,) = await setup.ask(QUESTION, *failing)
    assert isinstance(failed, Failed)
    assert "m: late 0; m: late 1" in str(failed.error)
    assert failed.trace == setup.recording.trace().id


async def test_a_stream_without_an_end_is_broken(setup: Setup) -> None:
    (failed,) = await setup.ask(QUESTION, setup.prompted([TextDelta("Uploads")])[1])
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, StreamBroken)


async def test_a_search_that_fails_is_told(setup: Setup) -> None:
    async def search(*_: object, **__: object) -> None:
        raise StoreError("disk is gone")

    setup.shelf.search = search
    (failed,) = await setup.ask(QUESTION)
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, StoreError)
    found = attribute(setup.recording.trace(), ["uploads.md"], Ledger())
    assert (found.stage, "disk is gone" in found.sentence) == ("recall", True)


async def test_closing_stops_the_model_and_ends_the_trace(setup: Setup) -> None:
    model, writer = setup.prompted([*(TextDelta("Uploads are limited to 10 MB [1]. ") for _ in range(50))])
    async with aclosing(setup.answerer(writer).answer(Question(QUESTION))) as events:
        assert isinstance(await anext(events), Sentence)
    assert model.closed == 1
    trace = setup.recording.trace()
    assert trace.root.error is not None
    assert "Cancelled" in trace.root.error
    span = spans.last_span(trace, spans.GENERATE)
    assert span is not None
    assert span.error is not None


async def test_cancelling_stops_the_model_and_ends_the_trace(setup: Setup) -> None:
    started = asyncio.Event()

    class Hanging(ScriptedModel):
        async def stream(self, request: Request) -> AsyncIterator[ChatEvent]:
            try:
                yield TextDelta("Uploads")
                started.set()
                await asyncio.Event().wait()
            finally:
                self.closed += 1

    model = Hanging([""])
    writer = PromptedWriter(model, load_prompt(DEFAULT, "p"), app="a")
    task = asyncio.create_task(setup.ask(QUESTION, writer))
    await asyncio.wait_for(started.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert model.closed == 1
    assert "Cancelled" in str(setup.recording.trace().root.error)


async def test_a_follow_up_is_searched_with_what_it_follows(setup: Setup) -> None:
    history = (Turn("user", QUESTION), Turn("assistant", "10 MB."))
    model, writer = setup.prompted(TRUE)
    await setup.ask(Question("And for larger files?", history), writer)
    assert setup.shelf.asked == [f"{QUESTION}\nAnd for larger files?"]
    texts = [getattr(message, "text", "") for message in model.requests[0].messages]
    assert texts[1:3] == [QUESTION, "10 MB."]
    assert "Question: And for larger files?" in texts[-1]


async def test_only_the_last_turns_within_the_budget_are_told() -> None:
    turns = [Turn("user" if i % 2 == 0 else "assistant", f"word {i}") for i in range(6)]
    model = ScriptedModel([""])
    assert last_turns(turns, 6 * 4, model) == tuple(turns[2:])
    assert last_turns(turns, 6 * 3, model) == tuple(turns[4:])
    assert last_turns(turns, 0, model) == ()


async def test_without_content_recording_nothing_said_is_kept(make: SimpleNamespace) -> None:
    setup = Setup(make, content=False)
    answer = answer_of(await setup.ask(QUESTION, setup.prompted(TRUE + " A secret remark.")[1]))
    trace = setup.recording.trace()
    kept = json.dumps([[str(v) for v in s.attributes.values()] for s in trace.spans])
    for said in ("10 MB", "uploads.md", "Uploads", "secret", QUESTION):
        assert said not in kept
    assert trace.root.attributes[traces.CONFIDENCE] == answer.confidence
    with pytest.raises(InputError, match="content recording"):
        attribute(trace, ["uploads.md"], Ledger())


class Ledger:
    def lookup(self, document: str) -> Known:
        return Known({f"{document}#0": ("public",)})


@pytest.mark.parametrize(
    ("draft", "budget", "question", "stage"),
    [
        (TRUE, 6_000, QUESTION, "none"),
        ("Uploads are limited to 25 MB [1].", 6_000, QUESTION, "citation check"),
        ("I cannot answer this from the documents.", 6_000, QUESTION, "generation"),
        (TRUE, 3, QUESTION, "context budget"),
        (TRUE, 6_000, "Where do passkeys live?", "recall"),
    ],
)
async def test_a_miss_is_attributed_from_the_trace_alone(
    setup: Setup, draft: str, budget: int, question: str, stage: str
) -> None:
    await setup.ask(question, setup.prompted(draft)[1], context_tokens=budget)
    assert attribute(setup.recording.trace(), ["uploads.md"], Ledger()).stage == stage


async def test_answers_told_at_once_do_not_mix_their_traces(make: SimpleNamespace) -> None:
    setup = Setup(make)
    one = setup.answerer().answer(Question(QUESTION))
    two = setup.answerer().answer(Question(QUESTION))
    await anext(one)
    await anext(two)
    ends = [answer_of([e async for e in stream]) for stream in (one, two)]
    assert ends[0].trace != ends[1].trace
    assert ends[0].usage == Usage()


async def test_an_answerer_needs_a_writer(setup: Setup) -> None:
    with pytest.raises(InputError):
        Answerer(setup.shelf, None, Gate(), (), setup.recording.recorder, Recipe("r"))  # type: ignore[arg-type]


async def test_a_passage_whose_chunk_was_replaced_meanwhile_is_read_by_its_text(make: SimpleNamespace) -> None:
    def gone(ids: Sequence[str]) -> Any:
        raise NotFound(f"no chunk {ids[0]!r}")

    context = assemble(make.hits(make.chunk("The tuba weighs ten kilos.")), budget=100, count=make.words)
    question = "What does the tuba weigh?"
    without = await Reader(make.tokens(), frequencies=make.frequencies).read(question, context)
    read = await Reader(make.tokens(), frequencies=make.frequencies, vectors=gone).read(question, context)
    assert read.passages == without.passages
    assert read.probability > 0
    empty = await Reader(make.tokens(), frequencies=make.frequencies, vectors=gone).read(question, Context())
    assert empty.passages == ()
