"""From a question to a checked answer: search, context, gate, writing, checking, each in a span."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from assay import traces
from assay.answering import spans
from assay.answering.abstention import UNDERSPECIFIED, UNSUPPORTED, Gate, Judgement, not_in_corpus
from assay.answering.citations import Checker, Unsupported
from assay.answering.context import Context, assemble
from assay.answering.events import Abstained, Answer, AnswerEvent, Failed, Question, Sentence
from assay.answering.followup import standalone
from assay.answering.reading import Reader, Reading
from assay.answering.verification import Verifier
from assay.answering.writer import Asked, Writer, Written
from assay.documents import Citation, Scalar
from assay.errors import AssayError, InputError, ModelError
from assay.language.support import THRESHOLD
from assay.models.chat import TextDelta, Usage
from assay.models.fallback import together
from assay.retrieval.found import Found

if TYPE_CHECKING:
    from assay.tracing.recorder import OpenSpan, Recorder

LONGEST_QUESTION = 20_000
"""Characters."""


class Retriever(Protocol):
    """Finds the chunks that a reader may see."""

    async def search(self, question: str, *, k: int, groups: frozenset[str], where: Mapping[str, Scalar]) -> Found: ...


@dataclass(frozen=True, slots=True)
class Recipe:
    """How answers are made: hits to keep, tokens of context, what to do with unsupported sentences.

    ``support`` is the bar of the citation check.
    """

    release: str
    keep: int = 8
    context_tokens: int = 6_000
    unsupported: Unsupported = "withhold"
    support: float = THRESHOLD


@dataclass(slots=True)
class _Progress:
    """What one answer has come to so far."""

    question: Question
    span: OpenSpan
    began: float
    first: float | None = None
    texts: list[str] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    supported: bool = False
    written: Written | None = None
    failures: list[ModelError] = field(default_factory=list)
    found: Found | None = None
    context: Context | None = None

    def show(self, sentence: Sentence) -> Sentence:
        sentence = replace(sentence, trace=self.span.trace, span=self.span.id)
        if self.first is None:
            self.first = time.perf_counter()
        self.texts.append(sentence.text)
        self.citations.extend(sentence.citations)
        self.supported = self.supported or bool(sentence.citations)
        return sentence


class Answerer:
    """Answers questions. ``writers`` are tried in order, the next only while nothing has been shown."""

    def __init__(
        self,
        retriever: Retriever,
        reader: Reader,
        gate: Gate,
        writers: Sequence[Writer],
        recorder: Recorder,
        recipe: Recipe,
    ) -> None:
        if not writers:
            raise InputError("an answerer needs at least one writer")
        self._retriever, self._reader, self._gate = retriever, reader, gate
        self._writers, self._recorder, self._recipe = tuple(writers), recorder, recipe

    @property
    def retriever(self) -> Retriever:
        """What finds the passages."""
        return self._retriever

    def over(self, retriever: Retriever) -> Answerer:
        """The same, with passages that ``retriever`` finds."""
        return Answerer(retriever, self._reader, self._gate, self._writers, self._recorder, self._recipe)

    async def answer(
        self,
        question: Question,
        *,
        traceparent: str | None = None,
        attributes: Mapping[str, traces.Attribute] | None = None,
    ) -> AsyncGenerator[AnswerEvent, None]:
        """Sentences as they are checked, then exactly one Answer or one Failed.

        Closing the generator, or cancelling its reader, ends the model's stream and the trace.
        ``traceparent`` is a caller's W3C header, to be part of its trace; ``attributes`` are written on the
        answer's span with its own.
        """
        began = time.perf_counter()
        recorded = {
            **(attributes or {}),
            traces.STAGE: spans.ROOT,
            traces.RELEASE: self._recipe.release,
            traces.QUESTION: question.text[:LONGEST_QUESTION],
            **spans.scope_attributes(question.groups, question.where),
        }
        if question.shadow:
            recorded[traces.SHADOW] = True
        with self._recorder.trace(spans.ROOT, recorded, traceparent=traceparent) as span:
            progress = _Progress(question, span, began)
            try:
                async with aclosing(self._steps(progress)) as events:
                    async for event in events:
                        yield event
            except AssayError as error:
                span.fail(error)
                yield Failed(error, span.trace, span.id)

    async def _steps(self, progress: _Progress) -> AsyncGenerator[AnswerEvent, None]:
        question = progress.question
        if len(question.text) > LONGEST_QUESTION:
            raise InputError(f"the question has {len(question.text)} characters; ask in at most {LONGEST_QUESTION}")
        query = standalone(question)
        if not any(map(str.isalnum, query)):
            yield self._end(progress, 0.0, UNDERSPECIFIED)
            return
        context = self._assemble(await self._search(query, progress), progress)
        reading, judgement = await self._judge(query, context, progress)
        if judgement.abstained:
            yield self._end(progress, judgement.probability, judgement.abstained)
            return
        refused = False
        async with aclosing(self._write(reading, progress)) as sentences:
            async for item in sentences:
                if isinstance(item, Sentence):
                    yield progress.show(item)
                else:
                    refused = item.refused
        abstained = None if progress.supported else not_in_corpus(reading) if refused else UNSUPPORTED
        yield self._end(progress, judgement.probability, abstained)

    async def _search(self, query: str, progress: _Progress) -> Found:
        question = progress.question
        attributes = {traces.STAGE: spans.RETRIEVE, traces.QUESTION: query}
        with self._recorder.span(spans.RETRIEVE, attributes, parent=progress.span) as span:
            found = await self._retriever.search(
                query, k=self._recipe.keep, groups=question.groups, where=question.where
            )
            span.update(spans.found_attributes(found))
        progress.found = found
        return found

    def _assemble(self, found: Found, progress: _Progress) -> Context:
        with self._recorder.span(spans.ASSEMBLE, {traces.STAGE: spans.ASSEMBLE}, parent=progress.span) as span:
            context = assemble(found.hits, budget=self._recipe.context_tokens, count=self._writers[0].count)
            span.update(spans.context_attributes(context))
        progress.context = context
        return context

    async def _judge(self, query: str, context: Context, progress: _Progress) -> tuple[Reading, Judgement]:
        with self._recorder.span(spans.GATE, {traces.STAGE: spans.GATE}, parent=progress.span) as span:
            reading = await self._reader.read(query, context, progress.question.groups)
            judgement = self._gate.judge(reading)
            span.set(traces.CONFIDENCE, judgement.probability)
            span.set(spans.THRESHOLD, self._gate.threshold)
        return reading, judgement

    async def _write(self, reading: Reading, progress: _Progress) -> AsyncGenerator[Sentence | Checker, None]:
        """The sentences that may be shown, then their checker.

        Raises the ModelError of a writer that had shown something, or one for all where each failed.
        """
        for writer in self._writers:
            try:
                async with aclosing(self._attempt(writer, reading, progress)) as items:
                    async for item in items:
                        yield item
                return
            except ModelError as error:
                # Two halves by two models are not an answer: once something was shown there is no way back.
                if progress.first is not None:
                    raise
                progress.failures.append(error)
        raise together(progress.failures, "|".join(writer.identity for writer in self._writers))

    async def _attempt(
        self, writer: Writer, reading: Reading, progress: _Progress
    ) -> AsyncGenerator[Sentence | Checker, None]:
        checker = Checker(Verifier(reading, threshold=self._recipe.support), unsupported=self._recipe.unsupported)
        attributes = {
            traces.STAGE: spans.GENERATE,
            traces.OPERATION: "chat",
            traces.REQUEST_MODEL: writer.identity,
        }
        with self._recorder.span(spans.GENERATE, attributes, parent=progress.span) as span:
            began = time.perf_counter()
            try:
                async with aclosing(writer.write(progress.question, reading)) as events:
                    async for event in events:
                        match event:
                            case Asked():
                                span.update(spans.message_attributes(event.messages))
                                span.set(traces.REQUEST_TEMPERATURE, event.temperature)
                                span.set(traces.REQUEST_MAX_TOKENS, event.max_tokens)
                            case TextDelta():
                                if not checker.draft:
                                    span.set(traces.FIRST_DELTA, (time.perf_counter() - began) * 1e3)
                                for sentence in checker.feed(event.text):
                                    yield sentence
                            case Written():
                                progress.written = event
                                span.update(_written_attributes(event))
                cut = progress.written is not None and progress.written.reason == "length"
                for sentence in checker.close(cut=cut):
                    yield sentence
            finally:
                reason = progress.written.reason if progress.written else "cut"
                span.update(spans.draft_attributes(checker.draft, reason))
                span.update(spans.check_attributes(checker.checks))
        yield checker

    def _end(self, progress: _Progress, probability: float, abstained: Abstained | None) -> Answer:
        now = time.perf_counter()
        written = progress.written
        answer = Answer(
            text=abstained.detail if abstained else "".join(progress.texts),
            citations=() if abstained else tuple(progress.citations),
            abstained=abstained,
            confidence=probability,
            model=written.model if written else "",
            release=self._recipe.release,
            trace=progress.span.trace,
            span=progress.span.id,
            usage=written.usage if written else Usage(),
            cost=written.cost if written else 0.0,
            milliseconds=(now - progress.began) * 1e3,
            first_token_milliseconds=((progress.first or now) - progress.began) * 1e3,
            failures=tuple(progress.failures),
            found=progress.found,
            context=progress.context,
        )
        progress.span.update(
            {
                traces.ANSWER: answer.text,
                traces.CONFIDENCE: probability,
                traces.ABSTAINED: abstained.reason if abstained else None,
                traces.FIRST_SENTENCE: answer.first_token_milliseconds if progress.first else None,
                traces.COST: answer.cost,
                traces.PRICES_AS_OF: written.prices_as_of if written else None,
                traces.RESPONSE_MODEL: answer.model or None,
                traces.INPUT_TOKENS: answer.usage.input,
                traces.OUTPUT_TOKENS: answer.usage.output,
                **spans.citation_attributes(answer.citations),
            }
        )
        return answer


def _written_attributes(written: Written) -> dict[str, traces.Attribute | None]:
    return {
        traces.RESPONSE_MODEL: written.model,
        traces.INPUT_TOKENS: written.usage.input,
        traces.OUTPUT_TOKENS: written.usage.output,
        traces.CACHED_TOKENS: written.usage.cached,
        traces.COST: written.cost,
        traces.PRICES_AS_OF: written.prices_as_of,
    }
