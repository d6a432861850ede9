"""``assay experiment``: several releases before users at once, compared while they answer."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from assay.cli.options import AsJson, Environment, File
from assay.cli.output import emit, err, note, out
from assay.errors import InputError

if TYPE_CHECKING:
    from assay.rollouts.experiments.design import Designed, Wanted
    from assay.rollouts.experiments.ranked import Ranked
    from assay.rollouts.overview import Opened
    from assay.rollouts.starting import Candidate

PRODUCTION = "production"
GUARDS = "errors,latency_p95"
Releases = Annotated[
    list[str],
    typer.Argument(
        metavar="A B [C …]",
        help="Releases: live, a tag, a digest, git:REVISION, a file. The others are compared with the first.",
        show_default=False,
    ),
]
Why = Annotated[str, typer.Option("--why", "-m", metavar="WHY", help="The reason, for those who ask later.")]
Alpha = Annotated[
    float | None,
    typer.Option(help="The chance of a false finding. [default: alpha of \\[rollout]]", show_default=False),
]
SkipGate = Annotated[
    str | None,
    typer.Option(
        "--skip-gate", metavar="WHY", help="Also with a release that failed its offline gate.", show_default=False
    ),
]
Longest = Annotated[str, typer.Option(metavar="TIME", help="After this it ends inconclusive.")]


def register(cli: typer.Typer) -> None:
    """Add the commands of this file."""
    from assay.cli import experiment_looking as looking

    group = typer.Typer(
        no_args_is_help=True,
        help="Several releases before users at once, compared while they answer. (`assay experiments`, with an s, "
        "lists offline evaluations.)",
    )
    for command in (start, interleave, looking.status, looking.watch, looking.why, stop):
        group.command()(command)
    group.command("list")(looking.experiment_list)
    cli.add_typer(group, name="experiment")


def start(
    releases: Releases,
    metric: Annotated[
        str, typer.Option("--metric", metavar="METRIC", help="What decides: feedback, faithfulness, cost, …")
    ],
    guards: Annotated[
        str, typer.Option(metavar="GUARD,...", help="What may not get worse than A's; empty for none.")
    ] = GUARDS,
    shares: Annotated[
        str, typer.Option(metavar="SHARE,...", help="Each arm's share. [default: equal]", show_default=False)
    ] = "",
    policy: Annotated[
        str, typer.Option(metavar="fixed|thompson", help="Fixed shares, or more users for what seems better.")
    ] = "fixed",
    floor: Annotated[float, typer.Option(help="The least share of an arm under thompson.")] = 0.1,
    longest: Longest = "7 d",
    alpha: Alpha = None,
    sticky: Annotated[
        str | None,
        typer.Option(
            metavar="user|session|request",
            help="What keeps its arm, and counts once. [default: of \\[rollout]]",
            show_default=False,
        ),
    ] = None,
    why: Why = "",
    skip_gate: SkipGate = None,
    environment: Environment = PRODUCTION,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Let several releases answer users side by side until one is shown to be best, or one does harm."""
    from assay.releases.project import Project
    from assay.rollouts.experiments.design import Wanted, designed, names_of
    from assay.rollouts.experiments.starting import check_free
    from assay.rollouts.overview import opened

    names = [name.strip() for name in guards.split(",") if name.strip()]
    names = names if guards != GUARDS else [name for name in names if not name.startswith(metric)]
    wanted = Wanted(
        metric,
        tuple(dict.fromkeys(names)),
        _policy(policy),
        _shares(shares),
        floor,
        alpha,
        _sticky(sticky),
        _seconds(longest),
    )
    names_of(len(releases))
    with opened(Project.load(file), environment) as found:
        check_free(found.log.traffic())
        arms = _arms(found, releases)
        made = designed([arm.project for arm in arms], wanted, knowledge=_known(found, arms[0], wanted), at=time.time())
        _started(found, made, arms, why=why, skip_gate=skip_gate, as_json=as_json)


def interleave(
    releases: Releases,
    dataset: Annotated[
        list[Path] | None,
        typer.Option("--dataset", help="Questions whose relevant documents are known. [default: of the file]"),
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="On users' questions: A, which is live, answers.")] = False,
    k: Annotated[int, typer.Option("-k", min=1, help="Documents of a ranking.")] = 10,
    alpha: Alpha = None,
    longest: Longest = "7 d",
    why: Why = "",
    skip_gate: SkipGate = None,
    environment: Environment = PRODUCTION,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Compare the rankings of two releases, drawn into one list for every question.

    Exits 0 when one is shown to be preferred, 2 when neither is.
    """
    from assay.releases.project import Project
    from assay.rollouts.experiments.design import Designed, ranking_design
    from assay.rollouts.experiments.starting import check_free
    from assay.rollouts.overview import opened

    if len(releases) != 2:
        raise InputError(f"{len(releases)} releases: rankings are drawn into one from two")
    if live and dataset:
        raise InputError("--live asks users' questions, --dataset those of a file: take one")
    project = Project.load(file)
    level = alpha if alpha is not None else project.manifest.rollout.alpha
    if live:
        with opened(project, environment) as where:
            check_free(where.log.traffic())
            arms = _arms(where, releases)
            design = ranking_design([arm.release for arm in arms], alpha=level, longest=_seconds(longest))
            _started(where, Designed(design), arms, why=why, skip_gate=skip_gate, as_json=as_json)
        return
    from assay.cli.experiment_tables import ranked_lines

    found = _interleaved(project, releases, dataset or [], alpha=level, k=k, quiet=quiet or as_json)
    if as_json:
        emit(found.as_dict())
    else:
        for line in ranked_lines(found, releases, out.width):
            out.print(line)
    raise typer.Exit(0 if found.preferred else 2)


def stop(why: Why = "", environment: Environment = PRODUCTION, file: File = None, as_json: AsJson = False) -> None:
    """End the experiment: from the next request on, in every process, the live release answers everybody."""
    from assay.cli.user import user
    from assay.releases.project import Project
    from assay.rollouts.experiments.starting import stop
    from assay.rollouts.overview import opened

    with opened(Project.load(file), environment) as found:
        ended = stop(found.log, found.events, why=why, by=user())
        live = found.log.traffic().live or ""
    if as_json:
        emit({"experiment": ended.id, "stopped": True})
        return
    out.print(
        f"experiment {ended.id} is stopped: release {live[:12]} answers everybody from the next request on",
        markup=False,
    )
    note(f"assay experiment why {ended.id} shows what was seen")


def _arms(found: Opened, releases: list[str]) -> list[Candidate]:
    """The releases, each of which answers from its own index."""
    from assay.rollouts.starting import candidate_of, check_index

    arms = [candidate_of(found.project, name) for name in releases]
    for arm in arms:
        for notice in arm.notices:
            note(notice)
        check_index(arm.project)
    return arms


def _known(found: Opened, first: Candidate, wanted: Wanted) -> Any:
    from assay.rollouts.experiments.design import asking
    from assay.rollouts.planning.planning import known

    return known(asking(first.project, wanted), found.database, first.release, at=time.time())


def _reason(why: str, skip_gate: str | None) -> str:
    """What is recorded as the reason. Raises InputError where none is given."""
    if not why.strip():
        raise InputError("say why users get releases that no rollout has shown to be safe: -m WHY")
    if skip_gate is None:
        return why
    if not skip_gate.strip():
        raise InputError("--skip-gate is empty; say why a release that failed its gate is shown to users")
    return f"{why} (gate skipped: {skip_gate})"


def _started(
    found: Opened, made: Designed, arms: list[Candidate], *, why: str, skip_gate: str | None, as_json: bool
) -> None:
    """Keep the releases, append the start, and say what happens now."""
    from assay.cli.experiment_tables import design_lines
    from assay.cli.user import user
    from assay.releases.history.snapshots import keep
    from assay.rollouts.experiments.starting import check_free, check_gates, start

    traffic = found.log.traffic()
    check_free(traffic, made.design)
    reason = _reason(why, skip_gate)
    if skip_gate is None:
        check_gates(found.log.entries(), made.design, traffic.live)
    for notice in made.notices:
        note(notice)
    for arm in arms:
        keep(arm.project)
    experiment = start(found.log, made.design, why=reason, by=user())
    if as_json:
        from assay.cli.experiment_looking import designed_dict

        environment = found.log.environment
        emit({"experiment": experiment.id, "environment": environment} | designed_dict(made.design))
        return
    out.print(f"experiment {experiment.id} is started in {found.log.environment}", markup=False)
    for line in design_lines(made.design):
        err.print(f"  {line}", markup=False, soft_wrap=True)
    note(
        "every `assay serve` of this application carries it on from here\n"
        "`assay experiment watch` shows it, `assay experiment stop` ends it"
    )


def _interleaved(project: Any, releases: list[str], files: list[Path], *, alpha: float, k: int, quiet: bool) -> Ranked:
    """Both releases opened, and asked the questions."""
    from contextlib import AsyncExitStack

    import anyio

    from assay.cli.progress import QuestionProgress
    from assay.releases.build import open_application
    from assay.releases.measuring.evaluating import Wanted, dataset_of
    from assay.rollouts.experiments.ranked import asked_cases, ranked
    from assay.rollouts.starting import candidate_of

    first, second = (candidate_of(project, name) for name in releases)
    for notice in (*first.notices, *second.notices):
        note(notice)
    cases = asked_cases(dataset_of(project, Wanted(datasets=[str(file) for file in files] or None)))

    async def run() -> Ranked:
        async with AsyncExitStack() as stack:
            opened = open_application(first.project)
            stack.push_async_callback(opened.close)
            other = open_application(second.project)
            stack.push_async_callback(other.close)
            with QuestionProgress(len(cases), quiet=quiet) as progress:
                return await ranked(
                    opened, other, cases, alpha=alpha, k=k, told=lambda found: progress.show(len(found.asked))
                )

    return anyio.run(run)


def _policy(name: str) -> Any:
    if name not in ("fixed", "thompson"):
        raise InputError(f"--policy {name!r}: write fixed or thompson")
    return name


def _sticky(name: str | None) -> Any:
    from assay.rollouts.traffic.plan import Sticky

    if name is not None and name not in get_args(Sticky):
        raise InputError(f"--sticky {name!r}: write user, session or request")
    return name


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise InputError(f"--shares {text!r}: write numbers, such as 0.8,0.2") from None


def _seconds(text: str) -> float:
    from assay.releases.file.quantities import Duration

    try:
        return Duration.parse(text).seconds
    except ValueError as error:
        raise InputError(f"--longest: {error}") from error
