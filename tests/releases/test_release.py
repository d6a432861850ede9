# ruff: noqa: E501
from __future__ import annotations

import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from assay.answering.prompt import DEFAULT, Prompt, load_prompt
from assay.digest import Digest, digest_bytes
from assay.errors import InputError, NotFound, StoreError
from assay.releases.code import CodeVersion, digest_source, installed
from assay.releases.file.mistakes import table_of
from assay.releases.file.reading import parse
from assay.releases.file.template import toml
from assay.releases.identity import ENTERS, STAYS_OUT
from assay.releases.manifest import Manifest
from assay.releases.release import Release
from assay.releases.store import ReleaseStore
from assay.stores.blobs import BlobStore
from assay.stores.database import Database

CODE = CodeVersion("0.1.0", Digest("0" * 64))
PROMPT = load_prompt(DEFAULT, "the built-in prompt")
HISTORY = Path(__file__).parent.parent / "history"

FULL: dict[str, Any] = {
    "app": {"name": "handbook"},
    "sources": [
        {
            "path": "docs",
            "name": "docs",
            "kind": "folder",
            "include": ["**/*.md", "**/*.pdf"],
            "exclude": ["drafts/**"],
            "access": ["public", "staff"],
            "metadata": {"team": "support"},
            "prefix": "d/",
            "max_bytes": 1000,
        },
        {"path": "faq.jsonl"},
    ],
    "index": {
        "chunker": "tokens",
        "max_tokens": 200,
        "overlap": 20,
        "embedder": "big",
        "store": "lance",
        "uri": "s3://here",
    },
    "embedders": {
        "big": {
            "uses": "openai-compatible",
            "base_url": "http://localhost:1/v1",
            "model": "e5",
            "dimensions": 8,
            "api_key_env": "E5",
            "max_tokens": 512,
            "timeout": "5 s",
        }
    },
    "retrieval": {
        "mode": "dense",
        "candidates": 40,
        "keep": 7,
        "dense_weight": 0.4,
        "rerank": True,
        "neighbours": 1,
        "linked": True,
    },
    "models": {
        "main": {
            "uses": "openai-compatible",
            "base_url": "http://localhost:2/v1",
            "model": "qwen",
            "api_key_env": "KEY",
            "temperature": 0.5,
            "max_tokens": 300,
            "timeout": "20 s",
            "window": 8000,
            "tokenizer": "t.json",
            "price": {"input": 1.0, "output": 2.0, "cached": 0.5},
            "options": {"top_p": 0.9, "extra": {"a": [1, 2]}},
        },
        "spare": {"uses": "openai:gpt-5-mini"},
        "judge": {"uses": "openai:gpt-5"},
    },
    "answer": {
        "route": ["main", "spare"],
        "prompt": "prompts/answer.md",
        "context_tokens": 3000,
        "unsupported": "mark",
        "abstain_below": 0.3,
    },
    "limits": {"cost_per_answer": "0.02 USD", "cost_per_day": "5 USD", "latency_p95": "4 s", "data": "local"},
    "evaluation": {"datasets": ["e.jsonl"], "scorers": ["retrieval"], "gate": {"cost": {"ratio": 1.2}}},
    "rollout": {"stages": [0.1, 1.0], "alpha": 0.05, "guards": {"errors": {"margin": 0.01}}},
    "tracing": {"content": True, "otlp": "http://localhost:4318"},
}

# For each setting another value that is valid in FULL.
OTHER: dict[str, Any] = {
    "app.name": "other",
    "sources.*.path": "docs2",
    "sources.*.name": "n",
    "sources.*.kind": "jsonl",
    "sources.*.include": ["*.md"],
    "sources.*.exclude": [],
    "sources.*.access": ["public"],
    "sources.*.metadata": {"team": "sales"},
    "sources.*.prefix": "",
    "sources.*.max_bytes": 2000,
    "index.chunker": "structure",
    "index.max_tokens": 201,
    "index.overlap": 0,
    "index.embedder": "minilm",
    "index.store": "embedded",
    "index.uri": "s3://there",
    "embedders.*.base_url": "http://localhost:9/v1",
    "embedders.*.model": "e6",
    "embedders.*.dimensions": 16,
    "embedders.*.api_key_env": "E6",
    "embedders.*.max_tokens": 256,
    "embedders.*.timeout": "6 s",
    "retrieval.mode": "lexical",
    "retrieval.candidates": 41,
    "retrieval.keep": 6,
    "retrieval.dense_weight": 0.41,
    "retrieval.rerank": "late",
    "retrieval.neighbours": 0,
    "retrieval.linked": False,
    "models.*.uses": "openai:x",
    "models.*.base_url": "http://localhost:3/v1",
    "models.*.model": "llama",
    "models.*.api_key_env": "KEY2",
    "models.*.temperature": 0.6,
    "models.*.max_tokens": 301,
    "models.*.timeout": "21 s",
    "models.*.window": 8001,
    "models.*.tokenizer": "u.json",
    "models.*.price": {"input": 1.5, "output": 2.0},
    "models.*.options": {"top_p": 0.8},
    "answer.route": ["spare", "main"],
    "answer.context_tokens": 3001,
    "answer.unsupported": "withhold",
    "answer.abstain_below": 0.31,
    "limits.cost_per_answer": "0.03 USD",
    "limits.cost_per_day": "6 USD",
    "limits.latency_p95": "5 s",
    "limits.data": "any",
    "evaluation.datasets": [],
    "evaluation.scorers": ["citations"],
    "evaluation.judge": "main",
    "evaluation.repeats": 3,
    "evaluation.concurrency": 2,
    "evaluation.alpha": 0.1,
    "evaluation.gate": {},
    "rollout.stages": [0.5, 1.0],
    "rollout.alpha": 0.01,
    "rollout.guards": {"errors": {"margin": 0.02}},
    "rollout.sticky": "request",
    "rollout.least_answers": 7,
    "rollout.least_time": "7 s",
    "rollout.longest": "7 h",
    "rollout.judged": 0.7,
    "rollout.shadow": {"answers": 7},
    "rollout.risk_per_quarter": 0.7,
    "tracing.content": False,
    "tracing.otlp": "http://localhost:4319",
}
NO_OTHER = {
    "answer.prompt": "enters by the prompt's text, tested apart",
    "embedders.*.uses": "has one value in this version",
}


def release(data: dict[str, Any], *, prompt: Prompt = PROMPT, code: CodeVersion = CODE) -> Release:
    return Release.of(Manifest.model_validate(data), prompt=prompt, code=code)


def release_of(text: str) -> Release:
    return Release.of(parse(text, "assay.toml")[0], prompt=PROMPT, code=CODE)


def changed(key: str, value: Any) -> dict[str, Any]:
    """FULL with one setting replaced; ``*`` is the first entry."""
    data: dict[str, Any] = json.loads(json.dumps(FULL))
    *path, last = key.split(".")
    table: Any = data
    for part in path:
        table = table[part] if part != "*" else table[0] if isinstance(table, list) else next(iter(table.values()))
    table[last] = value
    if key == "models.*.uses":  # the two keys that go with the old value only
        del table["model"]
    if key == "index.store":
        del table["uri"]
    return data


def settings(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every field of the manifest; tables that hold fields of their own are followed, down to the tables' rows."""
    for name, field in model.model_fields.items():
        key, table = prefix + name, table_of(field.annotation)
        if table is None or key in ENTERS or key in STAYS_OUT:
            yield key
        else:
            many = "dict" in str(field.annotation) or "tuple" in str(field.annotation)
            yield from settings(table, f"{key}.*." if many else f"{key}.")


def test_every_setting_is_in_exactly_one_table() -> None:
    assert set(settings(Manifest)) == ENTERS.keys() | STAYS_OUT.keys()
    assert not ENTERS.keys() & STAYS_OUT.keys()


def test_every_setting_is_tried() -> None:
    assert OTHER.keys() | NO_OTHER.keys() == ENTERS.keys() | STAYS_OUT.keys()


@pytest.mark.parametrize("key", sorted(OTHER))
def test_what_can_alter_an_answer_alters_the_digest_and_nothing_else_does(key: str) -> None:
    same = release(changed(key, OTHER[key])).digest == release(FULL).digest
    assert same is (key in STAYS_OUT)


def test_the_prompt_enters_by_its_text() -> None:
    text = DEFAULT.replace("Be brief.", "Be terse.")
    assert release(FULL, prompt=load_prompt(text, "p")).digest != release(FULL).digest
    described = load_prompt(f'+++\ndescription = "x"\n+++\n{DEFAULT}\n\n', "p")
    assert release(FULL, prompt=described).digest == release(FULL).digest
    assert release(changed("answer.prompt", "elsewhere.md")).digest == release(FULL).digest


def test_the_code_enters() -> None:
    assert release(FULL, code=CodeVersion("0.1.1", CODE.source)).digest != release(FULL).digest
    assert release(FULL, code=CodeVersion("0.1.0", Digest("1" * 64))).digest != release(FULL).digest


def test_only_models_and_embedders_that_are_used_enter() -> None:
    data = changed("index.embedder", "minilm")
    del data["models"]["judge"]
    other = json.loads(json.dumps(data))
    other["models"]["judge"] = {"uses": "openai:gpt-6"}
    del other["embedders"]
    assert release(other).digest == release(data).digest


def test_an_implicit_default_is_the_same_as_the_explicit_value() -> None:
    short = 'app.name = "x"\n[[sources]]\npath = "docs"\n'
    explicit = (
        f"{short}"
        'name = "docs"\naccess = ["public"]\nmax_bytes = 50_000_000\ninclude = []\n'
        '[retrieval]\nmode = "hybrid"\nkeep = 8\n[answer]\nroute = ["local"]\n[models.local]\nuses = "extractive"\n'
        'timeout = "1 min"\n[limits]\ndata = "any"\n'
    )
    assert release_of(explicit).digest == release_of(short).digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('[[sources]]\npath = "./docs/"', '[[sources]]\npath = "docs"'),
        ('[limits]\ncost_per_day = "5.00 USD"', '[limits]\ncost_per_day = "5 USD"'),
        ('[models.local]\nuses = "extractive"\ntimeout = "250 ms"', '[models.local]\nuses = "extractive"\ntimeout = "0.25 s"'),
        ('[models.local]\nuses = "extractive"\ntemperature = 1', '[models.local]\nuses = "extractive"\ntemperature = 1.0'),
        ('[[sources]]\npath = "d"\naccess = ["a", "b"]', '[[sources]]\npath = "d"\naccess = ["b", "a", "b"]'),
        ('[[sources]]\npath = "d"\nkind = "folder"', '[[sources]]\npath = "d"'),
        ('[[sources]]\npath = "d.jsonl"\nkind = "jsonl"', '[[sources]]\npath = "d.jsonl"'),
    ],
)  # fmt: skip
def test_two_spellings_of_one_setting(one: str, other: str) -> None:
    assert release_of(f'app.name = "x"\n{one}').digest == release_of(f'app.name = "x"\n{other}').digest


_COMMENTS = st.sampled_from(["", "\n", "# note\n", "\n   \n# mode = 'dense'\n", "#[x]\n"])
_EQUALS = st.sampled_from(["=", " = ", "  =\t", " =  "])


@st.composite
def _spellings(draw: st.DrawFn) -> str:
    """FULL as TOML, in any order of keys and tables, with comments and white space."""

    def inline(value: Any) -> str:
        if isinstance(value, dict):
            pairs = draw(st.permutations(sorted(value.items())))
            return "{ " + ", ".join(f"{toml(k)}{draw(_EQUALS)}{inline(v)}" for k, v in pairs) + " }"
        if isinstance(value, list):
            gap = draw(st.sampled_from([" ", "\n  # one more\n  "]))
            return f"[{gap}" + f",{gap}".join(inline(item) for item in value) + draw(st.sampled_from(["]", ",\n]"]))
        return toml(value)

    def pairs(table: dict[str, Any]) -> str:
        found = draw(st.permutations(sorted(table.items())))
        return "".join(
            f"{draw(_COMMENTS)}{k}{draw(_EQUALS)}{inline(v)}{draw(st.sampled_from(['', '  # x']))}\n" for k, v in found
        )

    blocks = []
    for name, value in FULL.items():
        if isinstance(value, list):
            blocks.append("".join(f"[[{name}]]\n{pairs(entry)}" for entry in value))
        elif name in ("models", "embedders"):
            blocks.extend(f"[{name}.{key}] # table\n{pairs(entry)}" for key, entry in value.items())
        else:
            blocks.append(f"[{name}]\n{pairs(value)}")
    text = draw(_COMMENTS) + draw(_COMMENTS).join(draw(st.permutations(blocks)))
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


@given(_spellings())
def test_comments_order_and_white_space_never_alter_the_digest(text: str) -> None:
    assert tomllib.loads(text) == FULL
    assert release_of(text).digest == release(FULL).digest


def test_no_secret_and_no_place_of_this_machine_enters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KEY", "sk-secret")
    before = release(FULL)
    monkeypatch.setenv("KEY", "sk-other")
    monkeypatch.chdir(tmp_path)
    assert release(FULL).digest == before.digest
    assert b"sk-" not in before.manifest
    assert str(tmp_path).encode() not in before.manifest


def test_the_bytes_are_kept_and_named() -> None:
    made = release(FULL)
    assert made.digest == digest_bytes(made.manifest)
    assert Release.from_bytes(made.manifest) == made
    assert made.as_dict()["digest"] == made.digest
    assert made.as_dict()["manifest"]["app"] == {"name": "handbook"}
    described = made.describe()
    assert "retrieval.mode = dense" in described
    assert 'sources[0].include = ["**/*.md", "**/*.pdf"]' in described
    assert "answer.prompt.system = You answer questions for the users of {{app}}, from" in described


@pytest.mark.parametrize("data", [b"[]", b"{}", b'{"format":99}', b"not json", b"\xff"])
def test_other_bytes_are_no_release(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Release.from_bytes(data)


def test_the_store_keeps_releases_by_digest(tmp_path: Path) -> None:
    blobs = BlobStore(Database.at(tmp_path / "state.db"))
    store, made = ReleaseStore(blobs), release(FULL)
    assert store.keep(made) == store.keep(made) == made.digest
    assert store.get(made.digest) == store.get(made.short) == made
    with pytest.raises(NotFound):
        store.get("00ff00ff")
    other = blobs.put(b"not a release")
    with pytest.raises(StoreError, match="is not a release"):
        store.get(other)
    with pytest.raises((NotFound, InputError)):
        store.get("")


def test_the_digest_of_code_is_of_paths_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.py").write_bytes(b"one\ntwo\n")
    first = digest_source(tmp_path)
    (tmp_path / "a" / "x.py").write_bytes(b"one\r\ntwo\r\n")
    (tmp_path / "a" / "x.pyc").write_bytes(b"compiled")
    assert digest_source(tmp_path) == first
    (tmp_path / "a" / "x.py").write_bytes(b"one\nthree\n")
    assert digest_source(tmp_path) != first
    (tmp_path / "a" / "x.py").write_bytes(b"one\ntwo\n")
    (tmp_path / "a" / "x.py").rename(tmp_path / "x.py")
    assert digest_source(tmp_path) != first
    assert installed().source == installed().source
    assert len(installed().source) == 64


def test_the_digest_of_a_golden_file() -> None:
    """The same on every machine and every version of Python that runs this test.

    A new setting that can alter an answer alters these bytes: write the files anew then, in a folder
    of their own, and keep the old bytes for the test below.
    """
    folder = HISTORY / "release-1"
    manifest = parse((folder / "assay.toml").read_text(encoding="utf-8"), "assay.toml")[0]
    prompt = load_prompt((folder / "answer.md").read_text(encoding="utf-8"), "answer.md")
    made = Release.of(manifest, prompt=prompt, code=CODE)
    assert made.manifest == (folder / "manifest.json").read_bytes().rstrip(b"\n")
    assert made.digest == (folder / "digest.txt").read_text(encoding="utf-8").strip()


@pytest.mark.parametrize("folder", sorted(path.name for path in HISTORY.glob("release-*")))
def test_releases_that_were_kept_can_still_be_read(folder: str) -> None:
    kept = Release.from_bytes((HISTORY / folder / "manifest.json").read_bytes().rstrip(b"\n"))
    assert kept.digest == (HISTORY / folder / "digest.txt").read_text(encoding="utf-8").strip()
    assert kept.describe()


def _interpreter(version: str) -> str | None:
    """Another Python that starts, found by name or among pyenv's."""
    kept = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python{version}"))
    for python in [shutil.which(f"python{version}"), *map(str, kept)]:
        if python and subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0:
            return python
    return None


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_other_versions_of_python_spell_the_same_bytes(version: str) -> None:
    """The golden bytes once more, by an interpreter that has only the standard library and this package's ground."""
    python = _interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    program = (
        "import json, sys; from assay.digest import canonical; "
        "sys.stdout.buffer.write(canonical(json.loads(sys.stdin.buffer.read())))"
    )
    kept = (HISTORY / "release-1" / "manifest.json").read_bytes().rstrip(b"\n")
    done = subprocess.run(
        [python, "-c", program],
        input=json.dumps(json.loads(kept), indent=2).encode(),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        capture_output=True,
        check=True,
    )
    assert done.stdout == kept
