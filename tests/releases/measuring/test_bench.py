from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import AuthenticationFailed, ConfigError, InputError
from assay.evaluation.judging import Item
from assay.releases.measuring.bench import bench
from assay.stores.database import Database
from assay.stores.verdicts import VerdictStore
from assay.testing.model_server import ModelServer
from assay.testing.replies import Say

APP = """
[app]
name = "x"
[models.main]
uses = "openai-compatible"
base_url = "http://127.0.0.1:9/v1"
model = "small"
[models.far]
uses = "openai:gpt-5"
[models.quoting]
uses = "extractive"
[answer]
route = ["main", "quoting"]
"""


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return tmp_path


@pytest.fixture
def app(empty: Path) -> Path:
    (empty / "assay.toml").write_text(APP, encoding="utf-8")
    return empty


def test_a_model_of_the_application_judges(app: Path) -> None:
    judge = bench().open("main")
    assert "faithfulness" in judge.rubrics
    assert "small" in judge.identity
    assert bench(app / "assay.toml").open("claims:main").identity != judge.identity


def test_a_provider_needs_no_application(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AuthenticationFailed, match="OPENAI_API_KEY"):
        bench().open("openai:gpt-5-mini")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert "gpt-5-mini" in bench().open("openai:gpt-5-mini").identity
    assert "gpt-5-mini" in bench().open("claims:openai:gpt-5-mini").identity


def test_an_unknown_name_is_told_with_what_is_known(app: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'main'"):
        bench().open("mian")


def test_without_an_application_only_offline_is_known(empty: Path) -> None:
    with pytest.raises(InputError, match="known: offline"):
        bench().open("main")


def test_a_model_that_only_quotes_cannot_judge(app: Path) -> None:
    with pytest.raises(InputError, match="only quotes"):
        bench().open("quoting")


def test_local_data_stays_local(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    (app / "assay.toml").write_text(f'{APP}[limits]\ndata = "local"\n', encoding="utf-8")
    with pytest.raises(InputError, match="would send data to another machine"):
        bench().open("openai:gpt-5-mini")
    with pytest.raises(InputError, match="'far' would send data"):
        bench().open("cascade:offline,far")
    assert bench().open("main").identity


def test_a_broken_file_is_told(app: Path) -> None:
    (app / "assay.toml").write_text("[app", encoding="utf-8")
    with pytest.raises(ConfigError):
        bench().open("main")


@pytest.mark.anyio
async def test_a_verdict_is_kept_until_the_models_settings_change(empty: Path) -> None:
    reply = '{"claims": [{"claim": "x", "quote": "x", "verdict": "yes"}]}'
    item = Item("faithfulness", {"question": "q", "contexts": "x", "answer": "x"})
    async with ModelServer([Say(reply)]) as server:

        async def judge(settings: str = "", path: str = "v1") -> int:
            """Calls that the server saw, the file as it is now."""
            base_url = server.base_url.removesuffix("v1") + path
            told = f'uses = "openai-compatible"\nbase_url = "{base_url}"\nmodel = "small"\n{settings}'
            (empty / "assay.toml").write_text(f'[app]\nname = "x"\n[models.main]\n{told}\n[answer]\nroute = ["main"]\n')
            before = len(server.received)
            database = Database.at(empty / "v.db")
            try:
                await bench(verdicts=VerdictStore(database)).open("main").judge(item)
            finally:
                database.close()
            return len(server.received) - before

        assert await judge() == 1
        assert await judge() == 0
        assert await judge("timeout = '5 s'") == 0
        assert await judge("price = {input = 1.0, output = 2.0}") == 0
        assert await judge("temperature = 0.7") == 1
        assert await judge("options = {top_p = 0.5}") == 1
        assert await judge("options = {top_p = 0.5}") == 0
        assert await judge(path="other/v1") == 1
        assert await judge() == 0
