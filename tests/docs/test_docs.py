"""Every example in the documentation is run.

- ``console`` blocks: each ``$ command`` is run in order in one scratch folder per page, which
  holds a folder ``handbook`` with three documents; what follows a command must be in its
  output, line by line, ``…`` standing for anything. A page's first block usually makes the
  application.
- ``toml`` blocks: validated as an application's file; a fragment is completed with a name.
- ``python`` blocks: run in a scratch folder.
- ``json`` blocks: must parse.

Where a console or python block names ``http://127.0.0.1:8080``, the handbook is really served, on a free
port that is put in its place.

A block whose info string says ``not-run`` is only shown; a reason must follow it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVED = "http://127.0.0.1:8080"
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "COLUMNS": "200",
    "NO_COLOR": "1",
}

HANDBOOK = {
    "holidays.md": (
        "# Holidays\n\nEvery employee has 30 days of paid holiday a year.\n\n"
        "## Carrying over\n\nUp to five unused days may be carried over until the end of March.\n"
    ),
    "travel.md": (
        "# Travel\n\nTrains are booked in second class.\n\n"
        "## Hotels\n\nA hotel may cost up to 140 euros a night, breakfast included.\n"
    ),
    "security.md": (
        "# Security\n\nPasswords have at least 14 characters and are kept in the password manager.\n\n"
        "## Lost devices\n\nA lost laptop is reported to the security team within one hour.\n"
    ),
}


@dataclass(frozen=True)
class Block:
    language: str
    info: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(m[1], m[2].strip(), m[3], text.count("\n", 0, m.start()) + 1) for m in FENCE.finditer(text)]


def commands(block: Block) -> list[tuple[str, list[str]]]:
    """Each command of a console block with the lines of output it promises."""
    found: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found and found[-1][0].endswith("\\"):
            found[-1] = (found[-1][0][:-1] + line.strip(), [])
        elif found and line.strip():
            found[-1][1].append(line.strip())
    return found


def promised(expected: str, output: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in re.split(r"…", " ".join(expected.split())))
    return any(re.search(pattern, " ".join(line.split())) for line in output.splitlines())


def write_handbook(folder: Path) -> None:
    folder.mkdir()
    for name, text in HANDBOOK.items():
        (folder / name).write_text(text, encoding="utf-8")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running server for the handbook, without ``/v1``."""
    place = tmp_path_factory.mktemp("served")
    write_handbook(place / "handbook")
    for words in (["init", "app", "--from", "handbook", "--name", "handbook"], ["ingest", "--file", "app/assay.toml"]):
        subprocess.run(["assay", *words], cwd=place, env=ENVIRONMENT, check=True, capture_output=True)
    command = ["assay", "serve", "--port", "0", "--file", "app/assay.toml"]
    with subprocess.Popen(command, cwd=place, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        said = server.stderr.readline()
        found = re.search(r"http://[\d.:]+", said)
        assert found, said
        yield found[0]
        server.terminate()
        server.communicate(timeout=60)


def addressed(text: str, request: pytest.FixtureRequest) -> str:
    """The text with the address of a running server, where it names one."""
    return text.replace(SERVED, request.getfixturevalue("served")) if SERVED in text else text


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_console_blocks_do_what_they_say(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    shell = [b for b in blocks(page) if b.language == "console" and "not-run" not in b.info]
    if not shell:
        pytest.skip("no console blocks")
    write_handbook(tmp_path / "handbook")
    here = tmp_path
    for block in shell:
        for command, expected in commands(block):
            if command.startswith("cd "):
                here = (here / command[3:]).resolve()
                continue
            done = subprocess.run(
                addressed(command, request),
                shell=True,
                cwd=here,
                env=ENVIRONMENT,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            output = done.stdout + done.stderr
            place = f"{page.name}:{block.line}: $ {command}\n{output}"
            assert done.returncode in (0, 1), place
            assert "Traceback" not in output, place
            for line in expected:
                assert line == "…" or promised(line, output), f"{line!r} is not in the output of {place}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_in_the_documentation_are_valid(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    from assay.releases.manifest import Manifest

    monkeypatch.chdir(tmp_path)
    for block in blocks(page):
        if "not-run" in block.info:
            assert len(block.info.split()) > 1, f"{page.name}:{block.line}: say why the block is not run"
        elif block.language == "toml":
            value = tomllib.loads(block.text)
            Manifest.model_validate({"app": {"name": "example"}} | value)
        elif block.language == "json":
            json.loads(block.text)
        elif block.language == "python":
            exec(compile(addressed(block.text, request), f"{page.name}:{block.line}", "exec"), {"__name__": "__docs__"})


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def documented_keys() -> dict[str, tuple[str, str]]:
    """``section.key`` to default and digest column, from the tables of the page on the application's file."""
    found: dict[str, tuple[str, str]] = {}
    section = ""
    for line in (ROOT / "docs" / "application-file.md").read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"## `\[+([\w.]+)\]+`", line):
            section = heading[1].replace(".NAME", ".*")
        elif line.startswith("## "):
            section = ""
        elif section and (row := re.match(r"\| `([\w.]+)` \| (.+?) \| (.+) \|", line)):
            found[f"{section}.{row[1]}"] = (row[2], row[3].rsplit(" | ", 1)[1])
    return {key.replace("sources.", "sources.*."): value for key, value in found.items()}


def test_the_page_on_the_application_file_names_every_key_and_whether_it_enters_the_digest() -> None:
    from assay.releases.identity import ENTERS, STAYS_OUT

    found = documented_keys()
    assert found.keys() == ENTERS.keys() | STAYS_OUT.keys()
    for key, (_, enters) in found.items():
        assert enters.startswith("no") == (key in STAYS_OUT), key


def test_the_page_on_the_application_file_tells_the_defaults() -> None:
    from assay.releases.file import governance, rollout_section, sections
    from assay.releases.file.quantities import Duration

    tables: dict[str, type[sections.Section]] = {
        "index": sections.IndexRecipe,
        "retrieval": sections.Retrieval,
        "answer": sections.AnswerRecipe,
        "sources.*": sections.Source,
        "limits": governance.Limits,
        "tracing": governance.Tracing,
        "evaluation": governance.Evaluation,
        "rollout": rollout_section.RolloutPlan,
    }
    checked = 0
    for key, (told, _) in documented_keys().items():
        section, _, name = key.rpartition(".")
        if section in tables and (value := re.fullmatch(r"`(.+)`", told)) and name != "abstain_below":
            default = tables[section].model_fields[name].get_default(call_default_factory=True)
            expected = tomllib.loads(f"value = {value[1]}")["value"]
            expected = Duration.parse(expected) if isinstance(default, Duration) else expected
            assert (list(default) if isinstance(default, tuple) else default) == expected, key
            checked += 1
    assert checked > 20


def test_the_page_on_the_application_file_tells_the_threshold() -> None:
    from assay.answering.abstention import THRESHOLD

    assert documented_keys()["answer.abstain_below"][0] == f"`{THRESHOLD}`"
