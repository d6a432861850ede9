"""What is said of releases, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from assay.releases.history.word_diff import Piece, counts, mark, shortened, word_diff

if TYPE_CHECKING:
    from assay.releases.history.affected import Affected
    from assay.releases.history.differences import Change, Value
    from assay.releases.history.reference import Referred
    from assay.releases.history.registry import Entry

_STYLES = {"deleted": "red", "inserted": "green", "elided": "dim"}
_LONGEST = 160
_TOLD = 3
"""Changes that a summary names; of more it says how many."""


def when(seconds: float) -> str:
    """A time in this place's own."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")


def release_lines(entries: Sequence[Entry], this: str) -> Iterator[str]:
    """Releases, newest first, as markup; ``this`` is the digest of the file's own. Lines are whole however narrow
    the terminal: a reason that is cut off is none."""
    rows = [_row(each, this) for each in entries]
    heads = ("release", "when", "by", "live in", "tags", "why")
    widths = [max(len(row[at]) for row in (heads, *rows)) for at in range(len(heads) - 1)]
    for number, row in enumerate((heads, *rows)):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        line = escape("  ".join([*cells, row[-1]]).rstrip())
        yield line if number else f"[dim]{line}[/]"


def _row(entry: Entry, this: str) -> tuple[str, ...]:
    tags = ", ".join([*entry.tags, *(["this file"] if entry.digest == this else [])])
    by = entry.created.by if entry.created else ""
    why = entry.why if entry.created else "(kept, not created)"
    return entry.digest[:12], when(entry.at), by, ", ".join(entry.environments), tags, why


def origin(entry: Entry) -> Iterator[str]:
    """Who made a release, when and why, and where it is live."""
    made = entry.created
    if made is None:
        yield f"kept {when(entry.kept)} when it was first used; nobody created it"
    else:
        yield f"created {when(made.at)} by {made.by}" + (f": {made.why}" if made.why else "")
        sources = [f"git {made.git}" if made.git else "", f"after {made.parent[:12]}" if made.parent else ""]
        if any(sources):
            yield ", ".join(filter(None, sources))
    if entry.environments:
        yield f"live in {', '.join(entry.environments)}"
    if entry.tags:
        yield f"tagged {', '.join(entry.tags)}"
    yield ""


def summary(changes: Sequence[Change]) -> str:
    """The changes in a line: the first of them, and how many more there are."""
    told = [_brief(change) for change in changes[:_TOLD]]
    rest = len(changes) - _TOLD
    more = [f"{rest} more {'change' if rest == 1 else 'changes'}: `assay release diff live`"] if rest > 0 else []
    return "; ".join([*told, *more])


def _brief(change: Change) -> str:
    if texts := _texts(change):
        inserted, deleted = counts(word_diff(*texts))
        return f"{change.key} +{inserted} −{deleted} words"
    return f"{change.key}: {value(change.old)} → {value(change.new)}"


def diff_lines(changes: Sequence[Change]) -> Iterator[str]:
    """Every change under the name of its group, as markup: texts word by word, the rest as old → new."""
    group = ""
    for change in changes:
        if change.group != group:
            group = change.group
            yield f"\n[bold]{group}[/]"
        if texts := _texts(change):
            yield from word_lines(change.key, *texts, reason=change.reason)
            continue
        yield (
            f"  {escape(change.key)}: [red]{escape(value(change.old))}[/] → [green]{escape(value(change.new))}[/]"
            f"  [dim]({escape(change.reason)})[/]"
        )


def word_lines(key: str, old: str, new: str, *, reason: str = "") -> Iterator[str]:
    """Two texts word by word, as markup: colours, and marks for who does not see them."""
    pieces = word_diff(old, new)
    inserted, deleted = counts(pieces)
    why = f"  [dim]({escape(reason)})[/]" if reason else ""
    yield f"  {escape(key)}: [green]+{inserted}[/] [red]−{deleted}[/] words{why}"
    shown = "".join(_coloured(piece) for piece in shortened(pieces))
    for line in shown.replace("[dim] … [/]", " [dim]…[/] ").strip().split("\n"):
        yield f"    {line.strip()}".rstrip()


def affected_lines(found: Affected, old: Referred) -> Iterator[str]:
    """What part of past traffic the changes can affect, as markup."""
    if not found.answers:
        yield f"[bold]Past traffic[/]  no answer of {escape(str(old))} is recorded: it can affect all"
        return
    share = found.touched / found.answers
    since = datetime.fromtimestamp((found.since or 0) / 1e9).strftime("%Y-%m-%d")
    yield (
        f"[bold]Past traffic[/]  can affect {found.touched:,} of the last {found.answers:,} answers of "
        f"{escape(str(old))} since {since} ({share:.0%})"
    )
    width = max(len(each.key) for each in found.changes)
    for each in found.changes:
        yield f"  {escape(each.key.ljust(width))}  {each.answers:>6,}  [dim]{escape(each.who)}[/]"
    if any(not each.told and each.answers for each in found.changes):
        yield "  [dim]where no record can tell an answer apart, all are counted[/]"


def value(side: Value | None) -> str:
    """One side of a change on one line."""
    return "—" if side is None else _plain(side.value)


def _plain(found: Any) -> str:
    if found is None:
        return "not set"
    if isinstance(found, dict):
        if found.keys() == {"seconds"}:
            return f"{found['seconds']} s"
        if found.keys() == {"usd"}:
            return f"{found['usd']} USD"
        pairs = (f"{key} = {_plain(item)}" for key, item in found.items() if item not in (None, {}, []))
        return _cut("{ " + ", ".join(pairs) + " }")
    if isinstance(found, str) and len(found) == 64 and set(found) <= set("0123456789abcdef"):
        return found[:12]
    return _cut(json.dumps(found, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _texts(change: Change) -> tuple[str, str] | None:
    """Both sides of a change of a prompt."""
    if not change.setting.startswith("answer.prompt.") or change.old is None or change.new is None:
        return None
    return str(change.old.value), str(change.new.value)


def _coloured(piece: Piece) -> str:
    text = escape(mark(piece))
    style = _STYLES.get(piece.kind)
    # Line by line: a style must end where its line does, to be printed with an indent.
    return "\n".join(f"[{style}]{line}[/]" if line else line for line in text.split("\n")) if style else text
