from __future__ import annotations

import pytest

from assay.documents import PUBLIC
from assay.releases.file.quantities import Duration, Money
from assay.releases.file.reading import parse
from assay.releases.manifest import Manifest

DESIGN = """\
[app]
name = "handbook"

[[sources]]
path = "docs"
include = ["**/*.md", "**/*.pdf"]
access = ["public"]

[index]
chunker = "structure"
max_tokens = 350
embedder = "minilm"

[retrieval]
mode = "hybrid"
candidates = 50
keep = 8

[models.main]
uses = "openai:gpt-5-mini"
temperature = 0
[models.local]
uses = "extractive"

[answer]
prompt = "prompts/answer.md"
route = ["main", "local"]
context_tokens = 6000

[limits]
cost_per_answer = "0.02 USD"
cost_per_day = "50 USD"
latency_p95 = "4 s"
data = "any"

[evaluation]
datasets = ["evals/*.jsonl"]
scorers = ["retrieval", "faithfulness", "correctness", "citations", "abstention"]
[evaluation.gate]
faithfulness = { margin = 0.02 }
latency_p95 = { ratio = 1.2 }
cost = { ratio = 1.2 }

[rollout]
stages = [0.01, 0.05, 0.25, 1.0]
alpha = 0.05
guards = { errors = { margin = 0.01 }, latency_p95 = { ratio = 1.25 } }
"""


def manifest(text: str) -> Manifest:
    return parse(text, "assay.toml")[0]


def test_the_whole_file() -> None:
    found = manifest(DESIGN)
    assert found.sources[0].include == ("**/*.md", "**/*.pdf")
    assert list(found.route) == ["main", "local"]
    assert found.route["main"].temperature == 0
    assert found.limits.cost_per_answer == Money(0.02)
    assert found.limits.latency_p95 == Duration(4)
    assert found.evaluation.gate["cost"].ratio == 1.2
    assert found.rollout.guards["errors"].margin == 0.01


def test_three_lines_are_enough() -> None:
    found = manifest('app.name = "x"\n[[sources]]\npath = "docs"\n')
    assert list(found.route) == ["local"]
    assert found.route["local"].uses == "extractive"
    assert found.embedder is None
    assert found.sources[0].access == (PUBLIC,)
    assert found.tracing.content


@pytest.mark.parametrize(
    ("written", "path"), [("./docs", "docs"), ("docs/", "docs"), ("a//b/../c", "a/c"), ("..\\\\docs", "../docs")]
)
def test_paths_are_normal(written: str, path: str) -> None:
    assert manifest(f'app.name = "x"\n[[sources]]\npath = "{written}"').sources[0].path == path


@pytest.mark.parametrize(
    ("path", "kind", "is_jsonl"),
    [("a.jsonl", None, True), ("A.NDJSON", None, True), ("a", None, False), ("a.txt", "jsonl", True)],
)
def test_records_are_told_by_their_suffix(path: str, kind: str | None, is_jsonl: bool) -> None:
    extra = f'kind = "{kind}"' if kind else ""
    assert manifest(f'app.name = "x"\n[[sources]]\npath = "{path}"\n{extra}').sources[0].is_jsonl is is_jsonl


@pytest.mark.parametrize(
    "model",
    [
        'uses = "openai-compatible"\nbase_url = "http://localhost:8000/v1"\nmodel = "qwen"',
        'uses = "llama3:8b"\nbase_url = "http://localhost:11434/v1"',
        'uses = "qwen"\nbase_url = "http://localhost:11434/v1"',
        'uses = "openai:gpt-5-mini"\nprice = { input = 0.25, output = 2 }\noptions = { a = { b = "c" } }',
        'uses = "anthropic:claude"\napi_key_env = "KEY"\ntimeout = "250 ms"\nwindow = 200000\ntokenizer = "t.json"',
    ],
)
def test_models_that_are_right(model: str) -> None:
    found = manifest(f'app.name = "x"\n[answer]\nroute = ["main"]\n[models.main]\n{model}')
    assert list(found.route) == ["main"]


def test_an_embedder_of_ones_own() -> None:
    found = manifest(
        'app.name = "x"\nindex.embedder = "big"\n[embedders.big]\nuses = "openai-compatible"\n'
        'base_url = "https://host/v1/"\nmodel = "e5"\ndimensions = 1024\napi_key_env = "E5_KEY"'
    )
    assert found.embedder is not None
    assert found.embedder.base_url == "https://host/v1"


def test_a_manifest_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        manifest('app.name = "x"').app.name = "y"
