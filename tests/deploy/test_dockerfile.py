"""The Dockerfile is clean for its linter, and keeps what the image promises."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy import dockerfile


def test_hadolint_finds_nothing() -> None:
    command = [str(Path(sys.executable).with_name("hadolint")), "Dockerfile"]
    result = subprocess.run(command, cwd=dockerfile.PROJECT, text=True, capture_output=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


def test_every_stage_starts_from_a_digest_or_from_nothing() -> None:
    (argument,) = [each.value for each in dockerfile.instructions() if each.name == "ARG"]
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", argument)
    bases = [stage[0].value.split()[0] for stage in dockerfile.stages()]
    assert bases == ["${PYTHON_IMAGE}", "${PYTHON_IMAGE}", "scratch"]


def test_nothing_is_added_from_elsewhere_and_every_package_is_checked_by_its_hash() -> None:
    assert not [each for each in dockerfile.instructions() if each.name == "ADD"]
    text = " ".join(each.value for each in dockerfile.instructions())
    assert not re.search(r"https?://|curl |wget ", text)
    installs = re.findall(r"pip install[^&]*", text)
    assert len(installs) == 3
    assert all("--require-hashes" in each or "--no-deps dist/*.whl" in each for each in installs)


def test_the_service_runs_as_a_user_without_rights() -> None:
    final = dockerfile.stages()[-1]
    (user,) = [each.value for each in final if each.name == "USER"]
    assert user == "10001:10001"
    assert not [each for each in final if each.name == "RUN"]
    root = " ".join(each.value for each in dockerfile.stages()[1])
    assert "-perm /6000 -exec chmod a-s" in root
    assert "install -d -o 10001 -g 10001 -m 0700 /data" in root


def test_a_container_is_healthy_while_it_runs_and_records() -> None:
    (check,) = [each.value for each in dockerfile.stages()[-1] if each.name == "HEALTHCHECK"]
    assert "ticktape health --alive || exit 1" in check
    assert {"--interval=60s", "--retries=3"} <= set(check.split())


def test_signals_reach_the_service_itself() -> None:
    final = {each.name: each.value for each in dockerfile.stages()[-1]}
    assert final["ENTRYPOINT"] == '["ticktape"]'
    assert final["CMD"] == '["run"]'
    assert final["STOPSIGNAL"] == "SIGTERM"


def test_no_secret_is_in_the_image() -> None:
    words = " ".join(each.value for each in dockerfile.instructions()).upper()
    assert not re.search(r"SECRET|PASSWORD|TOKEN|_KEY\b|\.ENV\b", words)


@pytest.mark.parametrize(
    "name", [".env", "data/events.db", "service/.env", "feed/schwab_token.json", ".git/config", "tests/conftest.py"]
)
def test_secrets_and_data_do_not_enter_the_build(name: str) -> None:
    assert not dockerfile.is_let_through(name)


def test_what_is_copied_is_let_through(tmp_path: Path) -> None:
    dockerfile.copy_context(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"pyproject.toml", "README.md", "LICENSE", "locks", "supabase", "deploy"} <= names
    assert list((tmp_path / "supabase/migrations").glob("*.sql"))
    for room in ("eventlog", "feed", "indicators", "market", "replicator", "service"):
        sources = {path.relative_to(dockerfile.PROJECT) for path in (dockerfile.PROJECT / room).rglob("*.py")}
        copies = {path.relative_to(tmp_path) for path in (tmp_path / room).rglob("*.py")}
        assert copies == sources
