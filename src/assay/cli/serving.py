"""``assay serve``: an environment of the application over HTTP."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from assay.cli.options import Environment, File
from assay.cli.output import note
from assay.errors import InputError


def register(cli: typer.Typer) -> None:
    """Add the commands of this file."""
    cli.command()(serve)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8080,
    environment: Environment = "production",
    deploy: Annotated[
        str, typer.Option(metavar="WHY", help="Make this file's release live at once, for this reason.")
    ] = "",
    api_key_env: Annotated[
        str, typer.Option(metavar="NAME", help="Environment variable that holds the key clients must send.")
    ] = "",
    groups_header: Annotated[
        str,
        typer.Option(metavar="HEADER", help="Trust this header, set by your proxy, to name the reader's groups."),
    ] = "",
    user_header: Annotated[
        str,
        typer.Option(metavar="HEADER", help="Take the user from this header where the request names none."),
    ] = "",
    session_header: Annotated[
        str, typer.Option(metavar="HEADER", help="Take the session from this header where the request names none.")
    ] = "",
    at_work: Annotated[int, typer.Option(min=1, help="Answers made at once.")] = 16,
    waiting: Annotated[int, typer.Option(min=0, help="Requests that may wait; a further one gets 429.")] = 64,
    grace: Annotated[int, typer.Option(min=0, help="Seconds that streams in flight may take at the end.")] = 30,
    file: File = None,
) -> None:
    """Serve what is live: /v1/chat/completions, /v1/search, /v1/models, /v1/feedback; documentation at /docs.

    The first time, this file's release becomes what is live. From then on a changed file reaches users by
    `assay rollout start`.
    """
    from assay.cli.user import user
    from assay.releases.project import Project
    from assay.rollouts.live.opening import open_deployment
    from assay.serving.app import create_app
    from assay.serving.server import listen
    from assay.serving.server import serve as run

    api_key = os.environ.get(api_key_env) if api_key_env else None
    if api_key_env and not api_key:
        raise InputError(f"--api-key-env: the environment variable {api_key_env} is not set")
    if host not in ("127.0.0.1", "localhost", "::1") and api_key is None:
        note(f"listening on {host} without --api-key-env: anyone who reaches the port can ask")
    project = Project.load(file)
    # First the port: what cannot listen answers nobody, and must not become what is live.
    with listen(host, port) as listener:
        deployment = open_deployment(project, environment, by=user(), tell=note, deploy=deploy.strip() or None)
        app = create_app(
            deployment,
            groups_header=groups_header or None,
            user_header=user_header or None,
            session_header=session_header or None,
            api_key=api_key,
            at_work=at_work,
            waiting=waiting,
        )

        def ready(url: str) -> None:
            what = f"release {deployment.release.short}, {environment}"
            note(f"serving {deployment.name} at {url}/v1 ({what}; documentation: {url}/docs); Ctrl-C stops")

        run(app, host=host, port=port, grace=grace, ready=ready, tell=note, listener=listener)
