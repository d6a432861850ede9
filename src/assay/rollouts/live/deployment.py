"""What a server talks to: an environment whose live release, and what is under way, may change under its requests.

Before each request the environment's stream is asked whether it has grown, so that whatever was decided, by this
process, another one or a person, holds from the next request on. Each request is answered by the release that its
user is assigned; a candidate that fails before it has shown anything is replaced by the live release.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import anyio
from anyio import CapacityLimiter, to_thread

from assay import traces
from assay.answering.events import Answer, AnswerEvent, Failed, Question, Sentence
from assay.documents import PUBLIC, Scalar
from assay.errors import AssayError, Cancelled, NotFound, PluginError, StoreError
from assay.evaluation.scoring import Scorer
from assay.releases.application import Application
from assay.releases.release import Release
from assay.retrieval.found import Found, Mode
from assay.rollouts.experiments.conducting import ExperimentConduct
from assay.rollouts.experiments.interleaving import answering, seen_as
from assay.rollouts.live.applications import Applications, Opened, Unopened
from assay.rollouts.live.conducting import EVERY_SECONDS, Conductor, Follow, RolloutConduct
from assay.rollouts.live.feedback import FeedbackBook, Named, Rated, Said
from assay.rollouts.live.judging import Judging, chosen
from assay.rollouts.live.observing import callers_fault, key_of, values_of
from assay.rollouts.live.recording import Recording
from assay.rollouts.live.shadowing import Shadowing
from assay.rollouts.traffic.log import TrafficLog
from assay.rollouts.traffic.routing import INTERLEAVED, Asker, Way, way
from assay.rollouts.traffic.state import Experiment, Rollout, Traffic
from assay.stores.events import EventLog

UNFINISHED = "an answer ended in neither Answer nor Failed"
CHECKS_AT_ONCE = 4
LOOKS = (0.1, 0.2, 0.4, 0.8)
"""Seconds between looks for an answer that was rated: its trace may be written a moment after the answer."""


@dataclass(slots=True)
class _Attempt:
    """How an answer goes: whether something was shown, and its end once it has one. ``instead_of`` is the release
    that should have answered."""

    since: float = field(default_factory=time.monotonic)
    shown: bool = False
    end: Answer | Failed | None = None
    instead_of: str | None = None

    @property
    def wrong(self) -> bool:
        """Whether its request was, or its client went away: what had begun well does not break by the request."""
        return _wrong(self.end) and (not self.shown or (isinstance(self.end, Failed) and _cancelled(self.end)))

    @property
    def in_vain(self) -> bool:
        """Whether it failed before anything was shown, so that another may still answer."""
        return isinstance(self.end, Failed) and not self.shown


class Deployment:
    """One environment of an application, for one event loop. ``serving`` must be entered while it answers."""

    def __init__(
        self,
        name: str,
        log: TrafficLog,
        events: EventLog,
        traffic: Traffic,
        applications: Applications,
        live: Application,
        *,
        feedback: FeedbackBook,
        open_scorers: Callable[[frozenset[str]], Sequence[Scorer]],
        follow: Follow,
        tell: Callable[[str], None],
        close: Callable[[], None] = lambda: None,
        every: float = EVERY_SECONDS,
    ) -> None:
        """``live`` is the application of the release that ``traffic`` says is live; it is closed here.

        ``open_scorers`` and ``follow`` are for Judging and RolloutConduct, ``tell`` gets a line for each thing of
        note, and ``close`` releases the store, at the very end. The conductor looks ``every`` so many seconds.
        """
        self.name = name
        self._log, self._traffic, self._applications = log, traffic, applications
        self._feedback, self._tell, self._close = feedback, tell, close
        self.recording = Recording(events, tell)
        self._judging = Judging(open_scorers, self.recording, tell)
        self._shadowing = Shadowing(events, applications, self.recording, self._judging, lambda: self.rollout)
        decided = RolloutConduct(log, events, follow, tell, self.unbuildable)
        compared = ExperimentConduct(log, events, self.unusable_arm)
        self.conductor = Conductor([self._look, decided, compared], tell, every=every)
        self._standing = live.release
        self._reading: CapacityLimiter | None = None
        self._rating: CapacityLimiter | None = None
        self._failing = False
        self._lost = ""
        self._unread = ""
        applications.adopt(live)
        self._want()

    @property
    def release(self) -> Release:
        """The live release that answers here."""
        return self._standing

    @property
    def rollout(self) -> Rollout | None:
        """The rollout under way, as far as it is known here."""
        return self._now().rollout

    @property
    def opening(self) -> frozenset[str]:
        """The releases under way that are not open here yet: until they are, live answers everybody, uncounted."""
        traffic = self._now()
        return frozenset(each for each in _others(traffic) if self._applications.peek(each) is None)

    @asynccontextmanager
    async def serving(self, idle: Callable[[], bool] = lambda: True) -> AsyncIterator[None]:
        """Do what is done in the background for as long as the context lasts, and close everything at its end.

        ``idle`` says whether there is room for work that no user waits for.
        """
        shadow = partial(self._shadowing.run, idle)
        works = (self._applications.tend, self.recording.run, self._judging.run, shadow, self.conductor.run)
        try:
            async with anyio.create_task_group() as tasks:
                for work in works:
                    tasks.start_soon(self._kept_up, work)
                try:
                    yield
                finally:
                    tasks.cancel_scope.cancel()
        finally:
            await self.close()

    async def close(self) -> None:
        """Write what is left, and close everything. Call when nobody streams any more."""
        with anyio.CancelScope(shield=True):
            await self.recording.flush()
            await self._applications.close()
            await to_thread.run_sync(self._close)

    async def answer(
        self,
        question: Question,
        *,
        identity: str | None = None,
        session: str | None = None,
        traceparent: str | None = None,
        exactly: bool = False,
    ) -> AsyncGenerator[AnswerEvent, None]:
        """Stream the answer to a question; ends in exactly one Answer or Failed.

        ``identity`` names the user and ``session`` the conversation, for assignment; None where unknown.
        ``exactly`` asks for the live release by its name: such a request is not part of a rollout.
        """
        traffic = await self.refreshed()
        live = self._live(traffic)
        gone = Way(live) if exactly else self._way(traffic, live, Asker(identity, session))
        tried = _Attempt()
        last = gone.release == live
        async with aclosing(self._answered(question, gone, traceparent, tried, traffic, last=last)) as events:
            async for event in events:
                yield event
        if last or not tried.in_vain:
            return
        instead, attempt = Way(live), _Attempt(instead_of=gone.release)
        async with aclosing(self._answered(question, instead, traceparent, attempt, traffic, last=True)) as events:
            async for event in events:
                yield event
        if _wrong(tried.end) and not _wrong(attempt.end):
            self._seen(traffic, gone, question, Failed(PluginError("refused what the live release answers"), ""), None)

    async def search(
        self,
        question: str,
        *,
        k: int,
        mode: Mode | None = None,
        groups: frozenset[str] = frozenset({PUBLIC}),
        where: Mapping[str, Scalar] | None = None,
    ) -> Found:
        """The ``k`` best chunks by the live release, whatever is under way."""
        live = self._live(await self.refreshed())
        async with self._applications.lease(live) as application:
            if isinstance(application, Unopened):
                raise application.error
            return await application.search(question, k=k, mode=mode, groups=groups, where=where)

    async def problems(self) -> list[str]:
        """What stands in the way of an answer; none when the live release can answer."""
        traffic = await self.refreshed()
        live = self._live(traffic)
        found = [each for each in (self._unread, self._lost) if each]
        async with self._applications.lease(live) as application:
            if isinstance(application, Unopened):
                return [*found, str(application.error)]
            return [*found, *await application.problems()]

    async def feedback(self, id: str, said: Said) -> tuple[Rated, bool]:
        """Keep what was said of an answer, and count it where its rollout is under way.

        ``id`` is the completion's or the trace's. Gives back the answer, and whether this was the caller's first
        rating of it. Raises NotFound, StoreError.
        """
        named = Named.read(id)
        book = self._feedback
        self._rating = self._rating or CapacityLimiter(1)
        for pause in (*LOOKS, None):
            try:
                rated = await to_thread.run_sync(book.find, named, limiter=self._rating)
                break
            except NotFound:
                if pause is None:
                    raise
                await anyio.sleep(pause)
        traffic = await self.refreshed()
        under = traffic.rollout or traffic.experiment
        add = partial(book.add, rated, said, under=None if under is None else under.id)
        return rated, await to_thread.run_sync(add, limiter=self._rating)

    async def refreshed(self) -> Traffic:
        """The environment's traffic now; what was known last where the store cannot be read.

        Where there are events that cannot be read, an abort may be among them: nothing is under way then, and the
        release that was live last answers everybody.
        """
        self._reading = self._reading or CapacityLimiter(CHECKS_AT_ONCE)
        known = self._traffic
        try:
            # Where the store is a file here, without the way into a thread and back: on a busy machine it is
            # much longer than the question.
            if self._log.near and self._log.version() <= known.version:
                found: Traffic | AssayError = known
            else:
                found = await to_thread.run_sync(self._newest, known, limiter=self._reading)
        except StoreError as error:
            if not self._failing:
                self._tell(f"what is live cannot be read, and stays as it was: {error}")
            self._failing = True
            return self._now()
        self._failing = False
        if isinstance(found, AssayError):
            self._fall_back(found, known)
        else:
            self._unread = ""
            if found.version > self._traffic.version:
                self._traffic = found
                self._want()
        return self._now()

    def _fall_back(self, error: AssayError, known: Traffic) -> None:
        if known is not self._traffic:
            return  # another request has read it meanwhile
        told = f"what was decided in {self._log.environment} cannot be read here: {error}"
        if not self._unread:
            self._tell(f"{told}; {str(self._standing.digest)[:12]} answers everybody, and nothing is recorded")
        self._unread = told

    def _now(self) -> Traffic:
        """What requests are routed by: nothing is under way where it is not known what was decided."""
        return replace(self._traffic, rollout=None, experiment=None) if self._unread else self._traffic

    def unbuildable(self, rollout: Rollout) -> str | None:
        """Why a rollout's candidate cannot answer here; None where it can, or where that is not known yet."""
        return self._unusable(rollout.candidate, self._applications.peek(rollout.candidate))

    def unusable_arm(self, experiment: Experiment) -> str | None:
        """Why an arm of an experiment cannot answer here; None where all can, or where that is not known yet."""
        others = [digest for _, digest in experiment.design.arms if digest != self._traffic.live]
        told = (self._unusable(digest, self._applications.peek(digest)) for digest in others)
        return next((why for why in told if why is not None), None)

    async def _look(self) -> None:
        """What an idle server does too: take what is new, and open what is needed soon."""
        self._applications.again()
        self._live(await self.refreshed())

    async def _kept_up(self, work: Callable[[], Awaitable[None]]) -> None:
        """Work in the background that a mistake of ours must not end, nor the server with it."""
        while True:
            try:
                await work()
            except Exception as error:
                self._tell(f"internal error behind the answers, which go on: {type(error).__name__}: {error}")
            await anyio.sleep(1.0)

    def _newest(self, known: Traffic) -> Traffic | AssayError:
        """The traffic now, or why what has come since cannot be read. Raises StoreError where nothing can."""
        if self._log.version() <= known.version:
            return known
        try:
            return self._log.traffic(known)
        except AssayError as error:
            return error

    def _want(self) -> None:
        traffic = self._traffic
        wanted = {str(self._standing.digest), traffic.live or ""}
        self._applications.want((wanted | _others(traffic)) - {""})

    def _live(self, traffic: Traffic) -> str:
        """The release that answers as the live one: the one before for as long as the newest is not open here."""
        live = traffic.live or ""
        standing = str(self._standing.digest)
        if live == standing:
            self._lost = ""
            return standing
        match self._applications.peek(live):
            case Application(release=release):
                self._standing, self._lost = release, ""
                self._want()
                return live
            case Unopened(error=error):
                told = f"release {live[:12]} is live, but cannot be opened here: {error}"
                if not self._lost:
                    self._tell(f"{told}; {standing[:12]} goes on answering")
                self._lost = told
        return standing

    def _way(self, traffic: Traffic, live: str, asker: Asker) -> Way:
        """The way of a request. Where the newest live release is not open here, the one that stands in for it is no
        arm of anything."""
        found = way(traffic, asker)
        if found.under is None or (found.release == traffic.live != live):
            return Way(live)
        if traffic.rollout is not None and traffic.rollout.phase != "canary":
            return found
        # Nobody waits for a release to be opened; and until all are, nobody counts, so that the arms are seen at
        # the same times.
        opened = [self._applications.here(release) for release in _others(traffic)]
        return Way(live) if None in opened else found

    async def _answered(
        self,
        question: Question,
        gone: Way,
        traceparent: str | None,
        attempt: _Attempt,
        traffic: Traffic,
        *,
        last: bool,
    ) -> AsyncGenerator[AnswerEvent, None]:
        """One release's answer, and what is seen of it. Where it is not the ``last`` resort, a failure before
        anything was shown is kept in ``attempt`` and not told."""
        try:
            async with self._applications.lease(gone.release) as opened:
                asked = self._asked(opened, question, gone, traceparent, attempt, traffic, last=last)
                async with aclosing(asked) as events:
                    async for event in events:
                        if isinstance(event, Sentence):
                            attempt.shown = True
                        else:
                            attempt.end = event
                        if last or not attempt.in_vain:
                            yield event
            if attempt.end is None:
                raise RuntimeError(UNFINISHED)
        except Exception as error:  # a mistake of ours: it counts against the release in which it happened
            attempt.end = Failed(PluginError(f"{type(error).__name__}: {error}"), "")
            if last or attempt.shown:
                raise
            self._tell(f"release {gone.release[:12]} failed, and the live one answers: {attempt.end.error}")
        finally:
            # Also of an answer that had ended when its reader went away.
            if attempt.end is None:
                self._left(gone, attempt)
            else:
                self._seen(traffic, gone, question, attempt.end, traceparent, wrong=attempt.wrong)

    async def _asked(
        self,
        opened: Opened,
        question: Question,
        gone: Way,
        traceparent: str | None,
        attempt: _Attempt,
        traffic: Traffic,
        *,
        last: bool,
    ) -> AsyncGenerator[AnswerEvent, None]:
        why = None if last else self._unusable(gone.release, opened)
        if isinstance(opened, Unopened) or why is not None:
            yield Failed(opened.error if isinstance(opened, Unopened) else PluginError(why or ""), "")
            return
        attributes = gone.attributes()
        if attempt.instead_of is not None:
            attributes[traces.INSTEAD_OF] = attempt.instead_of
        async with (
            answering(self._applications, traffic, gone, opened) as asked,
            aclosing(asked.answer(question, traceparent=traceparent, attributes=attributes)) as events,
        ):
            # To the end, whatever comes: that is what closes the trace.
            async for event in events:
                yield event

    def _left(self, gone: Way, attempt: _Attempt) -> None:
        """Note that a client went away before the end: one who waits for a release that hangs does. How long it had
        waited is the least that the answer would have taken, so that no release looks slower than it is."""
        self.recording.counts.gone += 1
        if gone.under is None or gone.stage < 0 or gone.arm == INTERLEAVED:
            return
        waited = 1000 * (time.monotonic() - attempt.since)
        seen = gone.observation(f"gone-{secrets.token_hex(16)}", {"latency": waited, "gone": 1.0})
        self.recording.add(gone.under, seen)

    def _seen(
        self,
        traffic: Traffic,
        gone: Way,
        question: Question,
        end: Answer | Failed,
        traceparent: str | None,
        *,
        wrong: bool = False,
    ) -> None:
        """Note what is seen of an answer that has ended; have it judged, or asked again, where it is one of those."""
        under = traffic.rollout or traffic.experiment
        if wrong:
            self.recording.counts.wrong += 1
            return
        if gone.under is None or under is None:
            return
        key = key_of(end, shared=traceparent is not None) or f"failed-{gone.unit}"
        observation = seen_as(gone, end).observation(key, {**values_of(end), "gone": 0.0})
        self.recording.add(gone.under, observation)
        if isinstance(under, Rollout) and under.phase == "shadow":
            self._shadowing.offer(under, gone, key, question, end)
        elif chosen(under, gone):
            guards = under.plan.guards if isinstance(under, Rollout) else (under.design.metric, *under.design.guards)
            self._judging.offer(gone.under, guards, observation, question, end)

    def _unusable(self, release: str, opened: Opened | None) -> str | None:
        """Why a release that is not live cannot be compared with the live one here."""
        match opened:
            case Unopened(error=StoreError()):
                return None  # of a moment: it is tried again, and what fails meanwhile counts
            case Unopened(error=error):
                return f"release {release[:12]} cannot be opened: {error}"
            case Application(notice=str(notice)):
                return f"release {release[:12]} would not answer as it is: {notice}"
            case _:
                return None


def _others(traffic: Traffic) -> set[str]:
    """The releases that may answer beside the live one."""
    found = {traffic.rollout.candidate} if traffic.rollout is not None else set[str]()
    if traffic.experiment is not None:
        found |= {digest for _, digest in traffic.experiment.design.arms}
    return found - {traffic.live or ""}


def _wrong(end: Answer | Failed | None) -> bool:
    return isinstance(end, Failed) and callers_fault(end.error)


def _cancelled(end: Failed) -> bool:
    return isinstance(end.error, Cancelled)
