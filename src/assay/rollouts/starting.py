"""Setting a candidate out against what is live: what must be so before, the start, and the offline gate.

Whatever can be found wrong is found before anything is written; past its gate a rollout is charged to the quarter's
risk budget.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from assay.errors import InputError, NotFound
from assay.evaluation.reporting.wording import verdict_reason
from assay.evaluation.running.progress import Watcher
from assay.evaluation.verdicts import Fail, Inconclusive, Pass, Verdict
from assay.releases import parts
from assay.releases.build import open_application
from assay.releases.history.reference import project_of
from assay.releases.history.snapshots import Snapshots
from assay.releases.measuring.evaluating import Evaluated, Wanted, asked_guards, dataset_of, evaluate, scorers_of
from assay.releases.project import Project
from assay.rollouts.live.opening import here
from assay.rollouts.planning.planning import Knowledge, Planned, known, planned
from assay.rollouts.steering import ENDINGS, ending
from assay.rollouts.traffic.events import Gated, Started
from assay.rollouts.traffic.log import TrafficLog
from assay.rollouts.traffic.plan import Plan
from assay.rollouts.traffic.state import Rollout, Traffic
from assay.rollouts.traffic.transitions import Refused
from assay.stores.database import Database
from assay.stores.events import Conflict


@dataclass(frozen=True, slots=True)
class Candidate:
    """A release that may set out, with what the application's file says now of evaluation and rollouts, and what
    a person should know before."""

    project: Project
    notices: tuple[str, ...] = ()

    @property
    def release(self) -> str:
        return str(self.project.release.digest)


@dataclass(frozen=True, slots=True)
class Intent:
    """What a rollout would undertake, and what that was made from."""

    planned: Planned
    knowledge: Knowledge


@dataclass(frozen=True, slots=True)
class GateResult:
    """What the gate came to: the event, and the measurement where one was made."""

    gated: Gated
    evaluated: Evaluated | None = None


def candidate_of(project: Project, name: str = "") -> Candidate:
    """The release that ``name`` means; empty is the file's. Raises NotFound, InputError, ConfigError, StoreError."""
    found, notice = project_of(project, name)
    return Candidate(governed(found, project), (notice,) if notice else ())


def live_project(database: Database, project: Project, traffic: Traffic) -> Project:
    """The files of what is live. Raises Refused where nothing is, saying how to get it, and NotFound."""
    where = traffic.environment
    if traffic.live is None:
        pointed = Snapshots(database).environments().get(where)
        told = f" {pointed.digest[:12]}" if pointed else ""
        raise Refused(
            f"nothing is live in {where} yet, so there is nothing to compare with; `assay serve` makes the file's "
            f"release live, or say it: assay environment deploy{told} --environment {where} -m WHY"
        )
    return governed(Snapshots(database).load(traffic.live, project), project)


def intended(database: Database, project: Project, candidate: Candidate, traffic: Traffic, *, at: float) -> Intent:
    """The plan of a rollout that starts ``at`` (seconds since the epoch) from this state.

    Raises Refused where nothing is live or the quarter's budget is spent, ConfigError for a guard that cannot be,
    and what opening the judged guards' scorers raises.
    """
    live = live_project(database, project, traffic)
    knowledge = known(candidate.project, database, traffic.live or "", at=at)
    plan = planned(candidate.project, live, spent=traffic.spent, at=at, knowledge=knowledge)
    return Intent(plan, knowledge)


def governed(found: Project, by: Project) -> Project:
    """A release's project under what the present file says of how a release is measured and let out: neither is
    part of a release, and what was kept with it may be old."""
    update = {"evaluation": by.manifest.evaluation, "rollout": by.manifest.rollout}
    placed = here(found, by)
    return Project(replace(placed.file, manifest=placed.manifest.model_copy(update=update)))


def waiting_in_gate(traffic: Traffic, candidate: str) -> Rollout | None:
    """The rollout of this very candidate that has not come through its gate: to be gone on with."""
    rollout = traffic.rollout
    return rollout if rollout is not None and rollout.phase == "gate" and rollout.candidate == candidate else None


def check_free(traffic: Traffic, candidate: str) -> None:
    """Raises Refused where this candidate cannot set out in this state, before anything is measured."""
    if traffic.rollout is not None:
        rollout = traffic.rollout
        raise Refused(
            f"rollout {rollout.id} of release {rollout.candidate[:12]} is under way in {traffic.environment}; "
            "wait for it (`assay rollout watch`), or end it: assay rollout abort -m WHY"
        )
    if traffic.experiment is not None:
        raise Refused(
            f"experiment {traffic.experiment.id} is under way in {traffic.environment}; end it: assay experiment stop"
        )
    if traffic.live == candidate:
        raise Refused(
            f"release {candidate[:12]} is live in {traffic.environment} already: change the file, or name another"
        )


def check_opens(candidate: Project) -> str | None:
    """Open the candidate and close it: what no server could open is refused before it is started. Returns what a
    person should know, which is that another index than its own would be asked.

    Raises NotFound, PluginError, ModelError, StoreError.
    """
    import anyio

    application = open_application(candidate)
    anyio.run(application.close)
    return application.notice


def check_index(candidate: Project) -> None:
    """The same of a candidate whose answers are to be compared. Raises InputError where its own index is not built:
    what would be compared is the old index under a new name."""
    notice = check_opens(candidate)
    if notice is not None:
        raise InputError(f"release {candidate.release.short} cannot be compared: {notice}")


def gate_of(candidate: Project, baseline: str) -> Wanted:
    """What the gate measures. Where it bounds a time, both releases are timed side by side.

    Raises InputError where it cannot be asked: no bounds, no cases, or a bound that nothing measures.
    """
    chosen = candidate.manifest.evaluation
    if not chosen.gate:
        raise InputError(
            "no gate: the file has no bound in [evaluation.gate]; say there how much worse a release may be, "
            "such as faithfulness = { margin = 0.05 }, or go without: --skip-gate WHY"
        )
    wanted = Wanted(against=baseline)
    try:
        dataset_of(candidate, wanted)
    except InputError as error:
        raise InputError(f"the gate has no cases: {error}; or go without: --skip-gate WHY") from error
    database = parts.database(candidate)
    try:
        metrics = [metric for each in scorers_of(candidate, database, None, None) for metric in each.metrics]
    finally:
        database.close()
    guards = asked_guards(candidate, metrics, wanted, [])
    times = {metric.name for metric in metrics if metric.kind == "milliseconds"}
    return replace(wanted, fresh_latency=any(guard.metric in times for guard in guards))


def start(
    log: TrafficLog,
    traffic: Traffic,
    *,
    candidate: str,
    plan: Plan,
    risk: float,
    quarter: str,
    why: str,
    by: str,
    skip_gate: str | None = None,
    new_id: Callable[[], str] = lambda: secrets.token_hex(4),
) -> Rollout:
    """Append that a candidate set out, under a new id, and, where ``skip_gate`` says why, that it has no gate.
    Returns the rollout as it begins, in its gate.

    ``plan``, ``risk`` and ``quarter`` were made from ``traffic``. Raises Refused where another process was faster
    with something that stands in the way, by name.
    """
    check_free(traffic, candidate)
    id = new_id()
    started = Started(id, candidate, traffic.live or "", plan, risk, quarter, why, by)
    events = [started] if skip_gate is None else [started, Gated(id, "skipped", None, skip_gate, by)]
    state = traffic
    while True:
        try:
            log.append(state, *events)
        except Conflict:
            state = log.traffic(state)
        else:
            # Not as the log has it now: another process may have ended it already.
            at = time.time()
            return Rollout(id, candidate, started.baseline, plan, at, at, "gate", risk=risk, quarter=quarter)
        check_free(state, candidate)
        if (state.live, state.spent) != (traffic.live, traffic.spent):
            raise Refused(f"what is live in {state.environment}, or its risk budget, has just changed; start again")


def skip(log: TrafficLog, rollout: Rollout, *, why: str, by: str) -> GateResult:
    """Let a rollout past its gate without one. Raises Refused."""
    return GateResult(_gated(log, rollout, Gated(rollout.id, "skipped", None, why, by)))


async def run_gate(
    log: TrafficLog, candidate: Project, rollout: Rollout, *, by: str, progress: Watcher | None = None
) -> GateResult:
    """Measure the candidate against the live release on the file's cases, and append the verdict.

    What was asked and scored before, by an earlier try or by another process, is not done again. Raises Refused
    where the rollout ended meanwhile, and whatever ``evaluate`` raises: the rollout then stays in its gate.
    """
    evaluated = await evaluate(candidate, gate_of(candidate, rollout.baseline), progress)
    if evaluated.comparison is None or evaluated.comparison.verdict is None:
        raise InputError("the gate was asked nothing: the file has no bound in [evaluation.gate]")
    verdict = evaluated.comparison.verdict
    kept = None if evaluated.kept is None else _relative(evaluated.kept, candidate.file.directory)
    return GateResult(
        _gated(log, rollout, Gated(rollout.id, _word(verdict), kept, verdict_reason(verdict), by)), evaluated
    )


def resumed_candidate(database: Database, project: Project, rollout: Rollout) -> Project:
    """The candidate of a rollout that is in its gate. Raises NotFound, and Refused where the code under the
    release has changed since."""
    found = governed(Snapshots(database).load(rollout.candidate, project), project)
    if str(found.release.digest) != rollout.candidate:
        raise Refused(
            f"release {rollout.candidate[:12]} of rollout {rollout.id} was made by other code than is installed now; "
            "end it (assay rollout abort -m WHY) and start again"
        )
    return found


def _gated(log: TrafficLog, rollout: Rollout, gated: Gated) -> Gated:
    """Append a verdict; that of another process where it was faster, since both measured the same."""
    traffic = log.traffic()
    while True:
        current = traffic.rollout
        if current is None or current.id != rollout.id or current.phase != "gate":
            return _recorded(log, rollout.id)
        try:
            log.append(traffic, gated)
        except Conflict:
            traffic = log.traffic(traffic)
            continue
        return gated


def _recorded(log: TrafficLog, rollout: str) -> Gated:
    entries = log.entries()
    for entry in entries:
        if isinstance(entry.event, Gated) and entry.event.rollout == rollout:
            return entry.event
    last = ending(entries, rollout)
    if last is None:
        raise NotFound(f"there is no rollout {rollout} in {log.environment}")
    raise Refused(f"rollout {rollout} {ENDINGS[last.event.kind]} while the gate was asked; the measurement is kept")


def _word(verdict: Verdict) -> Literal["pass", "fail", "inconclusive"]:
    match verdict:
        case Pass():
            return "pass"
        case Fail():
            return "fail"
        case Inconclusive():
            return "inconclusive"


def _relative(path: Path, folder: Path) -> str:
    """As a path from the application's folder, so that it holds on every machine."""
    full, base = path.resolve(), folder.resolve()
    return full.relative_to(base).as_posix() if full.is_relative_to(base) else full.as_posix()
