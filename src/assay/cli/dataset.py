"""``assay dataset``: cases as files: look at them, split them, add to them by hand, from traces, from documents."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from assay.cli.options import AsJson, File
from assay.cli.output import emit, note, out
from assay.errors import InputError

if TYPE_CHECKING:
    from assay.evaluation.cases import Case, Dataset
    from assay.evaluation.synthesis.candidates import Kind

Files: TypeAlias = Annotated[
    list[str], typer.Argument(metavar="FILE…", help="JSONL of cases; patterns such as 'evals/*.jsonl' too.")
]
Target: TypeAlias = Annotated[Path, typer.Argument(metavar="FILE", help="JSONL of cases; made if it is missing.")]

_NAME = re.compile(r"[\w-][\w.-]*")
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class ByOption(StrEnum):
    """What stays together."""

    document = "document"
    cluster = "cluster"
    case = "case"


def register(cli: typer.Typer) -> None:
    """Add the commands of this file."""
    dataset = typer.Typer(no_args_is_help=True, help="Cases: questions with what is known of their right answers.")
    dataset.command("show")(show)
    dataset.command("split")(split)
    dataset.command("add")(add)
    dataset.command("from-traces")(from_traces)
    dataset.command("synthesise")(synthesise)
    cli.add_typer(dataset, name="dataset")


def show(files: Files, as_json: AsJson = False) -> None:
    """Validate datasets and say what is in them."""
    from assay.cli.dataset_tables import summary_lines
    from assay.evaluation.cases import Dataset
    from assay.evaluation.datasets.files import read_cases, read_dataset
    from assay.evaluation.datasets.summary import shared, summarise

    summary = summarise(read_dataset(files))
    # One by one too: files that share documents are no independent splits.
    each = [Dataset(str(path), tuple(read_cases(path))) for path in _expanded(files)]
    parts = [{"file": part.name, "cases": len(part.cases), "digest": part.digest} for part in each]
    across = shared(each)
    if as_json:
        emit(summary.as_dict() | {"files": parts, "shared": across})
        return
    for line in summary_lines(summary, parts, across):
        out.print(line)


def split(
    files: Files,
    into: Annotated[str, typer.Option(metavar="NAME=SHARE,…", help="Such as train=.6,test=.4.", show_default=False)],
    by: Annotated[ByOption, typer.Option(help="What must not be parted.")] = ByOption.document,
    stratify: Annotated[str, typer.Option(metavar="TAG", help="Give each part its share of each value of a tag.")] = "",
    folder: Annotated[
        Path | None, typer.Option("--out", help="Write NAME.jsonl here. Cases that are in such files already stay.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another number is another split.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Split a dataset so that no document is on two sides. The same cases give the same split."""
    from assay.evaluation.datasets.files import read_dataset, write_dataset
    from assay.evaluation.datasets.splits import split as parted

    shares = _shares(into)
    whole = read_dataset(files)
    parts = parted(whole, shares, by=by.value, stratify=stratify or None, seed=seed, previous=_previous(folder, shares))
    written: dict[str, Path] = {}
    if folder is not None:
        for name, part in parts.items():
            written[name] = folder / f"{name}.jsonl"
            write_dataset(part, written[name])
    told = [_part(name, part, whole, written.get(name)) for name, part in parts.items()]
    if as_json:
        emit({"cases": len(whole.cases), "parts": told})
        return
    for part_told in told:
        place = f"  wrote {part_told['file']}" if part_told["file"] else ""
        out.print(
            f"{part_told['name']:<10} {part_told['cases']:>6} cases  {part_told['share']:.1%}  "
            f"{part_told['documents']} documents{place}",
            markup=False,
        )


def add(
    path: Target,
    question: Annotated[str, typer.Option(help="What is asked.")] = "",
    expected: Annotated[list[str] | None, typer.Option(help="A right answer. Repeatable: each is right.")] = None,
    relevant: Annotated[
        list[str] | None, typer.Option(metavar="DOCUMENT", help="A document that answers it. Repeatable.")
    ] = None,
    answerable: Annotated[
        bool | None, typer.Option("--answerable/--unanswerable", help="Whether the documents answer it at all.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="A slice. Repeatable.")] = None,
    access: Annotated[list[str] | None, typer.Option(metavar="GROUP", help="A group of who asks. Repeatable.")] = None,
    cluster: Annotated[str, typer.Option(help="What it shares with other cases.")] = "",
    id: Annotated[str, typer.Option(help="[default: from what is asked]", show_default=False)] = "",
    from_json: Annotated[str, typer.Option(metavar="FILE|-", help="Whole cases as JSON lines instead.")] = "",
    as_json: AsJson = False,
) -> None:
    """Append a case, validated. Lines that are there stay as they are."""
    from assay.evaluation.datasets.case_lines import read_case
    from assay.evaluation.datasets.files import append_cases

    if bool(question.strip()) == bool(from_json):
        raise InputError("dataset add: give --question, or --from-json FILE (- for standard input)")
    if from_json:
        if any((expected, relevant, answerable is not None, tag, access, cluster, id)):
            raise InputError("dataset add: with --from-json everything stands in the JSON; leave the other options out")
        cases = _read(from_json)
    else:
        value = {
            "id": id or None,
            "question": question,
            "expected": expected or None,
            "relevant": relevant or None,
            "answerable": answerable,
            "access": access or None,
            "tags": _tags(tag or []),
            "provenance": {"source": "human"},
            "cluster": cluster or None,
        }
        cases = [read_case(value, "dataset add")]
    append_cases(path, cases)
    _added(path, cases, as_json=as_json)


def from_traces(
    path: Target,
    release: Annotated[str, typer.Option(help="Only answers of this release (a digest's beginning).")] = "",
    since: Annotated[str, typer.Option(help="Only newer ones: 24h, 7d, 2026-05-01.")] = "",
    abstained: Annotated[bool, typer.Option("--abstained", help="Only where nothing was answered.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only errors; with --abstained, either.")] = False,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="How many new cases at most.")] = 100,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Append what users asked, newest first; questions that the file has are left out."""
    from assay.evaluation.datasets.files import append_cases, read_cases
    from assay.evaluation.datasets.gathering import gather
    from assay.releases.inspection import opened_traces
    from assay.releases.project import Project

    start = _since(since)
    known = read_cases(path) if path.exists() else []
    with opened_traces(Project.load(file)) as traces:
        found = gather(
            traces, known, limit=limit, release=release or None, since=start, abstained=abstained, failed=failed
        )
    if found.cases:
        append_cases(path, found.cases)
    _added(path, found.cases, as_json=as_json, more={"repeated": found.repeated, "without_question": found.unrecorded})


def synthesise(
    path: Target,
    single: Annotated[int, typer.Option(min=0, help="Cases that one passage answers.")] = 0,
    multi: Annotated[int, typer.Option(min=0, help="Cases that need two passages.")] = 0,
    unanswerable: Annotated[int, typer.Option(min=0, help="Cases that the documents do not answer.")] = 0,
    model: Annotated[str, typer.Option(metavar="NAME", help="Under [models]. [default: the first of the route]")] = "",
    checker: Annotated[str, typer.Option(metavar="NAME", help="Checks the cases. [default: the writer]")] = "",
    seed: Annotated[int, typer.Option(help="Another number asks about other passages.")] = 0,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Cases in work at a time.")] = 4,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Append cases written from the documents, each checked first. Exits 1 when fewer pass than were asked for."""
    import anyio

    from assay.cli.dataset_tables import Tally
    from assay.evaluation.datasets.files import append_cases, read_cases
    from assay.evaluation.synthesis.candidates import Admitted
    from assay.releases.measuring.synthesising import synthesise_cases
    from assay.releases.project import Project

    asked: dict[Kind, int] = {"single-passage": single, "multi-passage": multi, "unanswerable": unanswerable}
    wanted = {kind: count for kind, count in asked.items() if count}
    if not wanted:
        raise InputError("dataset synthesise: say how many, with --single, --multi or --unanswerable")
    project = Project.load(file)
    known = read_cases(path) if path.exists() else []
    tally = Tally()

    async def run() -> None:
        events = synthesise_cases(
            project,
            wanted,
            model=model or None,
            checker=checker or None,
            known=known,
            seed=seed,
            concurrency=concurrency,
        )
        async for event in events:
            tally.count(event)
            if isinstance(event, Admitted):
                # At once: what was paid for survives an interrupt.
                append_cases(path, [event.case])
                note(f"{event.kind}: {event.case.question}")
            else:
                note(f"{event.kind}: rejected, {event.reason}: {event.question}")

    anyio.run(run)
    if as_json:
        emit({"file": str(path), "wanted": wanted} | tally.as_dict())
    else:
        for line in tally.lines(wanted, path):
            out.print(line, markup=False)
    if any(tally.admitted.get(kind, 0) < count for kind, count in wanted.items()):
        raise typer.Exit(1)


def _expanded(files: Iterable[str]) -> list[Path]:
    from assay.evaluation.datasets.files import matching

    return list(dict.fromkeys(path for file in files for path in matching(file)))


def _part(name: str, part: Dataset, whole: Dataset, path: Path | None) -> dict[str, Any]:
    return {
        "name": name,
        "cases": len(part.cases),
        "share": len(part.cases) / len(whole.cases),
        "documents": len({document for case in part.cases for document in case.relevant or ()}),
        "digest": part.digest,
        "ids": [case.id for case in part.cases],
        "file": str(path) if path else None,
    }


def _shares(option: str) -> dict[str, float]:
    shares: dict[str, float] = {}
    for part in option.split(","):
        name, equals, share = part.strip().partition("=")
        try:
            value = float(share)
        except ValueError:
            equals = ""
            value = 0.0
        if not equals or not _NAME.fullmatch(name) or name in shares:
            raise InputError(f"--into {option!r}: write names with their shares, such as train=.6,test=.4")
        shares[name] = value
    return shares


def _previous(folder: Path | None, names: Iterable[str]) -> dict[str, str]:
    """The parts that cases are in already, by id."""
    from assay.evaluation.datasets.files import read_cases

    files = {name: folder / f"{name}.jsonl" for name in names} if folder else {}
    return {case.id: name for name, path in files.items() if path.exists() for case in read_cases(path)}


def _tags(options: list[str]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not name.strip():
            raise InputError(f"--tag {option!r}: write NAME=VALUE")
        tags[name.strip()] = value
    return tags


def _read(source: str) -> list[Case]:
    from assay.evaluation.datasets.case_lines import read_case
    from assay.evaluation.datasets.files import read_cases
    from assay.evaluation.datasets.jsonl import parse_object

    if source != "-":
        cases = read_cases(Path(source))
    else:
        lines = enumerate(sys.stdin.read().split("\n"), 1)
        placed = [(line, f"standard input:{number}") for number, line in lines if line.strip()]
        cases = [read_case(parse_object(line, place), place) for line, place in placed]
    if not cases:
        raise InputError(f"{'standard input' if source == '-' else source}: there is no case in it")
    return cases


def _since(option: str) -> int | None:
    """Nanoseconds since the epoch of ``24h`` ago, or of a date or time as ISO 8601 has it, by the local clock."""
    import time
    from datetime import datetime

    if not option.strip():
        return None
    if ago := _AGO.fullmatch(option.strip()):
        return time.time_ns() - int(float(ago[1]) * _SECONDS[ago[2]] * 1e9)
    try:
        return int(datetime.fromisoformat(option.strip()).timestamp() * 1e9)
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(f"--since {option!r}: write 24h, 7d, or a date such as 2026-05-01") from error


def _added(path: Path, cases: Iterable[Case], *, as_json: bool, more: dict[str, int] | None = None) -> None:
    ids = [case.id for case in cases]
    if as_json:
        emit({"file": str(path), "added": ids} | (more or {}))
        return
    out.print(f"added {len(ids)} case{'s' * (len(ids) != 1)} to {path}", markup=False)
    if more and more["repeated"]:
        out.print(f"left out {more['repeated']} that ask what a case asks already", markup=False)
    if more and more["without_question"]:
        out.print(f"left out {more['without_question']} whose question was not recorded", markup=False)
