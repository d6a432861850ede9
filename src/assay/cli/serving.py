"""``assay serve``: the application over HTTP."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from assay.cli.options import File
from assay.cli.output import note
from assay.errors import InputError


def register(cli: typer.Typer) -> None:
    """Add the commands of this file."""
    cli.command()(serve)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8080,
    api_key_env: Annotated[
        str, typer.Option(metavar="NAME", help="Environment variable that holds the key clients must send.")
    ] = "",
    groups_header: Annotated[
        str,
        typer.Option(metavar="HEADER", help="Trust this header, set by your proxy, to name the reader's groups."),
    ] = "",
    at_work: Annotated[int, typer.Option(min=1, help="Answers made at once.")] = 16,
    waiting: Annotated[int, typer.Option(min=0, help="Requests that may wait; a further one gets 429.")] = 64,
    grace: Annotated[int, typer.Option(min=0, help="Seconds that streams in flight may take at the end.")] = 30,
    file: File = None,
) -> None:
    """Serve /v1/chat/completions, /v1/models and /v1/search; documentation at /docs."""
    from assay.releases.build import open_application
    from assay.releases.project import Project
    from assay.releases.snapshots import LIVE, keep
    from assay.serving.app import create_app
    from assay.serving.server import serve as run

    api_key = os.environ.get(api_key_env) if api_key_env else None
    if api_key_env and not api_key:
        raise InputError(f"--api-key-env: the environment variable {api_key_env} is not set")
    if host not in ("127.0.0.1", "localhost", "::1") and api_key is None:
        note(f"listening on {host} without --api-key-env: anyone who reaches the port can ask")
    project = Project.load(file)
    application = open_application(project)
    keep(project, name=LIVE)
    if application.notice:
        note(application.notice)
    app = create_app(
        application, groups_header=groups_header or None, api_key=api_key, at_work=at_work, waiting=waiting
    )

    def ready(url: str) -> None:
        note(f"serving {application.name} at {url}/v1 (documentation: {url}/docs); Ctrl-C stops")

    run(app, host=host, port=port, grace=grace, ready=ready, tell=note)
