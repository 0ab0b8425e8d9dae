"""env.template is complete, has the true defaults, and is what deploy.sh accepts."""

from pathlib import Path

import pydantic
import pytest

from service.settings import Settings
from tests.deploy.dockerfile import PROJECT
from tests.deploy.world import World
from tests.service.configured import settings_with

TEMPLATE = PROJECT / "env.template"


def values() -> dict[str, str]:
    lines = [line for line in TEMPLATE.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_every_setting_is_there_and_no_other() -> None:
    assert set(values()) == {name.upper() for name in Settings.model_fields}


def test_the_values_shown_are_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in values():
        monkeypatch.delenv(name, raising=False)
    assert settings_with(TEMPLATE) == settings_with()


def test_no_secret_is_in_it() -> None:
    secrets = [name for name, field in Settings.model_fields.items() if field.annotation is pydantic.SecretStr]
    assert secrets
    assert {values()[name.upper()] for name in secrets} == {""}


def test_it_can_be_deployed_once_it_is_filled_in(world: World) -> None:
    text = TEMPLATE.read_text()
    for name in ("SCHWAB_APP_KEY", "SCHWAB_APP_SECRET", "SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"):
        text = text.replace(f"\n{name}=\n", f"\n{name}=filled\n")
    world.env_file.write_text(text)
    assert world.run("deploy.sh", "--dry-run").returncode == 0


def test_it_cannot_be_deployed_as_it_is(world: World) -> None:
    world.env_file.write_text(TEMPLATE.read_text())
    result = world.run("deploy.sh", "--dry-run")
    assert (result.returncode, "SCHWAB_APP_KEY is missing" in result.stderr) == (2, True)
