"""The wheel, built from what the Dockerfile copies, works in an empty environment, away from the checkout."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy import dockerfile

PROJECT = dockerfile.PROJECT
UV = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
KEPT = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
# Linked files would be shared with the cache and with the environment that runs this test.
ENVIRONMENT = KEPT | {"UV_LINK_MODE": "copy"}


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=cwd, env=ENVIRONMENT, text=True, capture_output=True, timeout=100, check=False)


def succeed(*command: object, cwd: Path) -> str:
    result = run(*command, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return result.stdout


def make_venv(folder: Path, lock: Path) -> Path:
    succeed(UV, "venv", "--quiet", "--python", sys.executable, folder, cwd=folder.parent)
    install(folder, "--require-hashes", "-r", lock)
    return folder / "bin"


def install(venv: Path, *what: object) -> None:
    succeed(UV, "pip", "install", "--quiet", "--python", venv / "bin/python", *what, cwd=venv)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as the Dockerfile makes it: from the context alone, with the locked tools."""
    context = tmp_path_factory.mktemp("context")
    dockerfile.copy_context(context)
    tools = make_venv(context / "tools", context / "locks/build.lock")
    succeed(tools / "python", "-m", "hatchling", "build", "-t", "wheel", cwd=context)
    (built,) = (context / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def venv(wheel: Path) -> Iterator[Path]:
    """An environment like the image's: the production lock, the wheel, and what slim.sh leaves of them."""
    with tempfile.TemporaryDirectory() as name:
        # Run by root, the embedded PostgreSQL changes to a user that has to reach its programs.
        Path(name).chmod(0o755)
        folder = Path(name, "venv")
        make_venv(folder, PROJECT / "locks/service.lock")
        install(folder, "--no-deps", wheel)
        if shutil.which("strip"):
            succeed("sh", PROJECT / "deploy/slim.sh", folder, cwd=folder)
        yield folder


def test_the_wheel_carries_the_rooms_the_migrations_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"eventlog", "feed", "indicators", "market", "replicator", "service"}
    migrations = {Path(name).name for name in names if name.startswith("replicator/migrations/")}
    assert migrations == {path.name for path in (PROJECT / "supabase/migrations").glob("*.sql")}
    assert not [name for name in names if ".env" in name or name.endswith((".db", ".pyc"))]


def test_every_module_loads_without_the_extras(venv: Path, tmp_path: Path) -> None:
    succeed(venv / "bin/python", PROJECT / "deploy/warm_bytecode.py", cwd=tmp_path)
    assert list((venv / "lib").glob("python*/site-packages/service/__pycache__/cli.*.pyc"))


def test_help_from_another_folder(venv: Path, tmp_path: Path) -> None:
    output = succeed(venv / "bin/ticktape", "--help", cwd=tmp_path)
    assert {"run", "demo", "migrate"} <= set(output.split())
    assert list(tmp_path.iterdir()) == []


def test_health_check_is_ticktape_health(venv: Path, tmp_path: Path) -> None:
    script = shutil.copy(PROJECT / "health_check.py", tmp_path)
    called = run(venv / "bin/python", script, "--local", "--data-dir", tmp_path / "none", cwd=tmp_path)
    direct = run(venv / "bin/ticktape", "health", "--local", "--data-dir", tmp_path / "none", cwd=tmp_path)
    assert called.returncode == direct.returncode != 0
    assert (called.stdout, called.stderr) == (direct.stdout, direct.stderr)


def test_the_demo_from_another_folder(venv: Path, tmp_path: Path) -> None:
    install(venv, "--require-hashes", "-r", PROJECT / "locks/demo.lock")
    output = succeed(
        venv / "bin/ticktape", "demo", "--seconds", "3", "--json", "--data-dir", tmp_path / "d", cwd=tmp_path
    )
    assert json.loads(output)["unsent"] == 0


@pytest.mark.long
def test_the_release_for_systemd_installs_without_an_index(tmp_path: Path) -> None:
    """With the real pip: every package of the lock has a wheel for the box, and pip on the box needs nothing else."""
    build = f"set -euo pipefail; source {PROJECT}/deploy/lib.sh; build_wheels {tmp_path}"
    succeed("bash", "-c", build, cwd=tmp_path)
    succeed(sys.executable, "-m", "venv", "venv", cwd=tmp_path)
    function = "sed -n '/^install_wheels() {/,/^}/p' " + str(PROJECT / "deploy/on_box.sh")
    install_wheels = f'set -euo pipefail; eval "$({function})"; install_wheels venv/bin/pip wheels'
    succeed("env", "-u", "PIP_FIND_LINKS", "bash", "-c", install_wheels, cwd=tmp_path)
    assert "run" in succeed(tmp_path / "venv/bin/ticktape", "--help", cwd=tmp_path).split()
