# ruff: noqa: E501
from __future__ import annotations

from pathlib import Path

import pytest

from assay.answering.prompt import DEFAULT
from assay.errors import ConfigError
from assay.releases.file.mistakes import ConfigErrors
from assay.releases.file.reading import ApplicationFile, parse, read

APP = 'app.name = "x"\n'


def mistakes(text: str) -> list[str]:
    """What is said about a text, a line each, the file's name left out."""
    with pytest.raises(ConfigError) as caught:
        parse(text, "assay.toml")
    return [line.removeprefix("assay.toml:") for line in str(caught.value).split("\n")]


def read_text(folder: Path, text: str) -> ApplicationFile:
    (folder / "assay.toml").write_text(text, encoding="utf-8")
    return read(folder)


def read_mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_text(folder, text)
    return [line.removeprefix(f"{folder}/assay.toml:") for line in str(caught.value).split("\n")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[app]\nnam = "x"\nname = "x"', '2: [app] has no key nam; did you mean "name"?'),
        (f"{APP}[sourcs]", '2: the file has no key sourcs; did you mean "sources"?'),
        (f"{APP}[retrieval]\nkeep = 8\ncandiates = 3", '4: [retrieval] has no key candiates; did you mean "candidates"?'),
        (f"{APP}[retrieval]\ncontext_tokens = 3", "3: [retrieval] has no key context_tokens; it belongs in [answer]"),
        (f"{APP}[app2]\n", '2: the file has no key app2; did you mean "app"?'),
        (f"{APP}[tracing]\nzzz = 1", "3: [tracing] has no key zzz; known: content, otlp"),
        (f'{APP}[[sources]]\npath = "a"\n[[sources]]\npath = "b"\npth = "c"', '6: sources[1] has no key pth; did you mean "path"?'),
        (f"{APP}rollout.guards = {{ cost = {{ ration = 1 }} }}", '2: [rollout.guards.cost] has no key ration; did you mean "ratio"?'),
        (f'{APP}[models.main]\nuses = "a:b"\ntemprature = 0', '4: [models.main] has no key temprature; did you mean "temperature"?'),
        (f'{APP}[retrieval]\nmode = "hybird"', '3: retrieval.mode is "hybird"; it must be one of dense, lexical, hybrid; did you mean "hybrid"?'),
        (f"{APP}[index]\nchunker = 3", "3: index.chunker is 3; it must be one of structure, tokens, sentences"),
        (f'{APP}[retrieval]\nkeep = "8"', '3: retrieval.keep must be a whole number, not "8"'),
        (f"{APP}[retrieval]\nkeep = 8.5", "3: retrieval.keep must be a whole number, not 8.5"),
        (f"{APP}[retrieval]\nlinked = 1", "3: retrieval.linked must be true or false, not 1"),
        (f"{APP}[retrieval]\nkeep = 0", "3: retrieval.keep is 0; it must be at least 1"),
        (f"{APP}[retrieval]\nkeep = 180", "3: retrieval: keep (180) must not exceed candidates (100)"),
        (f"{APP}[retrieval]\nrerank = 3", "3: retrieval.rerank: must be true, false or the name of a reranker"),
        (f"{APP}[retrieval]\ndense_weight = nan", "3: retrieval.dense_weight must be a finite number, not nan"),
        (f"{APP}[index]\noverlap = 500", "3: index: overlap (500) must be smaller than max_tokens (200)"),
        (f'{APP}[index]\nuri = "s3://x"', '3: index: uri belongs to store = "lance"; the embedded store lies beside assay.toml'),
        (f'{APP}[[sources]]\nname = "x"', "2: sources[0].path is missing"),
        (f'{APP}[sources]\npath = "x"', "2: sources is an array of tables: write [[sources]] in place of [sources]"),
        ('[[app]]\nname = "x"', "1: app is a single table: write [app] in place of [[app]]"),
        (f"{APP}[[sources]]\npath = 3", "3: sources[0].path must be text in quotes, not 3"),
        (f'{APP}[[sources]]\npath = "a"\ninclude = "*.md"', '4: sources[0].include must be an array, such as ["a", "b"], not "*.md"'),
        (f'{APP}[[sources]]\npath = "a"\ninclude = [\n  "*.md",\n  3,\n]', "6: sources[0].include[1] must be text in quotes, not 3"),
        (f'{APP}[[sources]]\npath = "a"\naccess = []', "4: sources[0].access must not be empty"),
        (f'{APP}[[sources]]\npath = "a"\nmetadata = {{ d = 2024-01-01 }}', '4: sources[0].metadata: "d" must be text, a number, true or false; put dates in quotes'),
        (f'{APP}[limits]\nlatency_p95 = "4 sec"', '3: limits.latency_p95: "4 sec" has the unit "sec"; known: ms, s, min, h, d'),
        (f"{APP}[limits]\ncost_per_day = 3", '3: limits.cost_per_day: 3 has no unit: write text such as "3 USD"'),
        (f'{APP}[tracing]\notlp = "localhost:4318"', '3: tracing.otlp: "localhost:4318" is not an address that begins with http:// or https://'),
        (f'{APP}[models.m]\nuses = "extractiv"', '3: models.m: uses = "extractiv" is neither "extractive", "openai-compatible" nor "provider:model" such as "openai:gpt-5-mini"'),
        (f'{APP}[models.m]\nuses = "extractive"\nbase_url = "http://h"', '4: models.m: base_url cannot go with uses = "extractive", which asks no model'),
        (f'{APP}[models.m]\nuses = "openai-compatible"', '3: models.m: uses = "openai-compatible" needs base_url and model'),
        (f'{APP}[models.m]\nuses = "http://h/v1"', '3: models.m: write uses = "openai-compatible" and base_url = "http://h/v1"'),
        (f"{APP}[models]\nlocal = 3", "3: models.local must be a table, not 3"),
        (f"{APP}[evaluation.gate]\ncost = {{}}", "3: evaluation.gate.cost: must have either margin or ratio: { margin = 0.02 } or { ratio = 1.2 }"),
        (f"{APP}[rollout]\nstages = [0.5, 0.2, 1.0]", "3: rollout: stages must grow from above 0 to 1; they are [0.5, 0.2, 1.0]"),
        ("", " the table [app] is missing"),
        ("[app]", "1: app.name is missing"),
        ("x = [1,\n2", "2: not valid TOML, at the end of the file: Unclosed array"),
        ("[app\n", "1: not valid TOML, column 5: Expected ']' at the end of a table declaration"),
        ("a = 1\na = 2\n", "2: not valid TOML, column 6: Cannot overwrite a value"),
    ],
)  # fmt: skip
def test_a_mistake_is_said_with_line_key_and_mend(text: str, said: str) -> None:
    assert mistakes(text) == [said]


def test_all_mistakes_are_said_at_once_in_order_of_their_lines() -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse(f'{APP}[retrieval]\nkeep = "a"\nmode = "x"\n[models.m]\n[index]\nfoo = 1', "assay.toml")
    assert [mistake.line for mistake in caught.value.mistakes] == [3, 4, 5, 7]
    assert str(caught.value).count("\n") == 3
    assert caught.value.line == 3


def test_a_secret_pasted_in_place_of_a_name_is_not_shown() -> None:
    (said,) = mistakes(f'{APP}[models.m]\nuses = "a:b"\napi_key_env = "sk-very-secret"')
    assert "sk-very-secret" not in said
    assert "never the secret itself" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'{APP}[[sources]]\npath = "a"\n[[sources]]\npath = "./a"', '5: sources[1] is called "a" like sources[0]; give one of them another name'),
        (f'{APP}[[sources]]\npath = "a"\n[[sources]]\npath = "b"\nname = "a"', '6: sources[1] is called "a" like sources[0]; give one of them another name'),
        (f'{APP}answer.route = ["local",\n"mian"]\nmodels.main.uses = "a:b"', '3: answer.route names "mian", but there is no [models.mian]; did you mean "main"?'),
        (f'{APP}answer.route = ["local", "local"]', '2: answer.route names "local" twice'),
        (f'{APP}models.main.uses = "a:b"', '2: [models.main] is defined, but answer.route does not say which models answer; write route = ["main", "local"] in [answer]'),
        (f'{APP}index.embedder = "minilmm"', '2: index.embedder names "minilmm", but there is no [embedders.minilmm]; did you mean "minilm"?'),
        (f'{APP}answer.prompt = "nowhere.md"', "2: answer.prompt names nowhere.md, but there is no such file"),
        (f'{APP}answer.route = ["m"]\nlimits.data = "local"\nmodels.m.uses = "openai:x"', '4: models.m would send data to openai:x, but limits.data is "local"'),
        (f'{APP}answer.route = ["m"]\nlimits.data = "local"\n[models.m]\nuses = "q"\nbase_url = "https://h/v1"', '6: models.m would send data to https://h/v1, but limits.data is "local"'),
    ],
)  # fmt: skip
def test_what_no_key_alone_can_tell(tmp_path: Path, text: str, said: str) -> None:
    assert read_mistakes(tmp_path, text) == [said]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "127.8.9.1"])
def test_a_model_on_this_machine_is_local(tmp_path: Path, host: str) -> None:
    model = f'[models.m]\nuses = "q"\nbase_url = "http://{host}:8000/v1"'
    assert read_text(tmp_path, f'{APP}answer.route = ["m", "local"]\nlimits.data = "local"\n{model}').manifest.route


def test_without_a_prompt_the_built_in_one_is_used(tmp_path: Path) -> None:
    assert read_text(tmp_path, APP).prompt.system in DEFAULT


def test_a_prompts_mistakes_name_its_own_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "p.md").write_text("Hello\n{{contxt}}\n{{question}}", encoding="utf-8")
    said = read_mistakes(tmp_path, f'{APP}answer.prompt = "p.md"\nanswer.route = ["x"]')
    assert said == [
        '3: answer.route names "x", but there is no [models.x]; known: local',
        f"{tmp_path / 'p.md'}:2: unknown variable {{{{contxt}}}}; did you mean {{{{context}}}}?",
    ]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such file; `assay init .* --from FOLDER` writes one"):
        read(tmp_path)
    (tmp_path / "assay.toml").write_bytes(b'app.name = "x"\n# caf\xe9\n')
    with pytest.raises(ConfigError, match=r"assay.toml:2: is not UTF-8"):
        read(tmp_path)
    (tmp_path / "assay.toml").write_text(f'{APP}answer.prompt = "."', encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path)


def test_a_file_from_another_system(tmp_path: Path) -> None:
    (tmp_path / "assay.toml").write_bytes(b'\xef\xbb\xbf[app]\r\nname = "x"\r\n[retrieval]\r\nkeep = 3\r\n')
    assert read(tmp_path).manifest.retrieval.keep == 3
    assert read(tmp_path / "assay.toml").directory == tmp_path
