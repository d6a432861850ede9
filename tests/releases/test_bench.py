from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import AuthenticationFailed, ConfigError, InputError
from assay.releases.bench import bench

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
