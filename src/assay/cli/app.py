"""The command line: parse, call, print. One file a command group; everything heavy is imported
in the body of a command, so that ``assay --help`` answers at once."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import typer

from assay import __version__
from assay.cli import (
    answering,
    application,
    dataset,
    environment,
    evaluation,
    experiment,
    feedback,
    ingestion,
    labelling,
    prompts,
    releases,
    retrieval,
    rollout,
    scoring,
    serving,
    tracing,
)
from assay.cli.output import fail, writable
from assay.errors import AssayError

cli = typer.Typer(
    name="assay",
    help="Ask your documents; measure every change before, and while, it reaches users.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# The exact scan is one pass over memory: more threads of the linear algebra gain little and, with
# other work on the machine, wait for each other many times longer. Read when numpy is imported.
for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(variable, "1")

for group in (
    application,
    ingestion,
    retrieval,
    answering,
    releases,
    prompts,
    rollout,
    experiment,
    environment,
    tracing,
    serving,
    feedback,
    dataset,
    evaluation,
    labelling,
    scoring,
):
    group.register(cli)


@cli.callback(invoke_without_command=True)
def root(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    """Options that stand before a command."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


def _unread() -> NoReturn:
    """Whoever read our output has gone; what is still buffered has nowhere to go either."""
    _discard()
    sys.exit(141)


def _discard() -> None:
    """Let go of what is still buffered: Python would try to write it at its end, fail, and exit with 120."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """Run a command line. Exits 0 when all went well, 1 where a check found something or an answer was
    withheld, 2 for an error, 70 for a mistake of ours, 130 when interrupted, 141 when nobody reads on."""
    writable()
    try:
        cli()
    except AssayError as error:
        fail(str(error))
    except SystemExit as ended:
        # Typer makes 1 of a closed pipe, which here says that a check found something.
        if isinstance(ended.__context__, BrokenPipeError):
            _unread()
        # Typer ends an interrupted command without a word.
        if ended.code == 130:
            fail("interrupted; what was finished is kept", code=130)
        raise
    except BrokenPipeError:
        _unread()
    except OSError as error:
        try:
            sys.stdout.flush()
        except OSError:
            _discard()
        fail(f"{error.filename or 'the output'}: {error.strerror or error}")
    except Exception as error:
        if os.environ.get("ASSAY_DEBUG"):
            raise
        fail(f"internal error, which is a bug: {type(error).__name__}: {error}\nASSAY_DEBUG=1 shows where", code=70)
