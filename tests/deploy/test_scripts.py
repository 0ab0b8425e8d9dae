"""The scripts are clean for shellcheck; the unit is valid and locked down; compose and scripts agree on the limits."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.world import DEPLOY, STUBS, World

PROJECT = DEPLOY.parent
UNIT = DEPLOY / "ticktape.service"


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_shellcheck_finds_nothing() -> None:
    scripts = [*sorted(DEPLOY.glob("*.sh")), STUBS]
    result = subprocess.run(["shellcheck", "-x", *scripts], cwd=PROJECT, text=True, capture_output=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
@pytest.mark.parametrize("script", ["deploy.sh", "deploy-systemd.sh"])
def test_shellcheck_finds_nothing_in_the_command_of_the_box(script: str, world: World) -> None:
    world.run(script)
    # SC2086: the option --tty, or nothing.
    command = ["shellcheck", "--exclude", "SC2086", str(world.box / "usr/local/bin/ticktape")]
    result = subprocess.run(command, text=True, capture_output=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize("script", ["deploy.sh", "deploy-systemd.sh", "upgrade.sh", "on_box.sh"])
def test_every_script_stops_at_the_first_error(script: str) -> None:
    text = (DEPLOY / script).read_text()
    assert "\nset -euo pipefail\n" in text
    assert (DEPLOY / script).stat().st_mode & 0o111


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a command that exists here, since verify looks for it."""
    command = tmp_path / "ticktape"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/ticktape/current/venv/bin/ticktape", str(command)))
    return copy


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_accepts_the_unit(unit: Path) -> None:
    result = subprocess.run(["systemd-analyze", "verify", unit], text=True, capture_output=True, check=False)
    # Keys of systemd 254, which older ones ignore.
    newer = re.compile(r"Unknown key (name )?'(RestartSteps|RestartMaxDelaySec)'")
    complaints = [line for line in result.stderr.splitlines() if unit.name in line and not newer.search(line)]
    assert (result.returncode, complaints) == (0, [])


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_the_unit_exposes_less_than_3(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    result = subprocess.run(command, text=True, capture_output=True, check=False)
    score = re.search(r"exposure level for \S+: ([\d.]+)", result.stdout)
    assert score, result.stderr
    assert float(score[1]) < 3


def unit_settings() -> dict[str, str]:
    return dict(line.split("=", 1) for line in UNIT.read_text().splitlines() if "=" in line and line[0].isupper())


def test_the_unit_waits_as_long_as_the_service_may_take_and_is_watched() -> None:
    settings = unit_settings()
    assert settings["Type"] == "notify"
    assert int(settings["WatchdogSec"]) > 0
    assert int(settings["TimeoutStopSec"]) >= 30
    assert settings["StateDirectory"] == "ticktape"
    assert settings["MemoryMax"] == "400M"


def test_the_unit_is_restarted_for_ever_unless_that_cannot_help() -> None:
    settings = unit_settings()
    assert settings["Restart"] == "on-failure"
    assert settings["StartLimitIntervalSec"] == "0"
    assert int(settings["RestartMaxDelaySec"]) > int(settings["RestartSec"])
    table = (PROJECT / "docs/OPERATIONS.md").read_text().partition("## Exit codes")[2]
    hopeless = re.findall(r"^\| (\d+) \| .* \| no\b[^|]*\|$", table, re.MULTILINE)
    assert settings["RestartPreventExitStatus"].split() == hopeless


@pytest.fixture
def compose() -> dict[str, Any]:
    """The service as docker-compose.yml describes it."""
    service: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]["ticktape"]
    return service


def test_compose_and_the_box_run_the_container_in_the_same_way(compose: dict[str, Any], world: World) -> None:
    world.run("deploy.sh")
    run = " ".join(world.calls_of("docker", "run")[0])
    logging = compose["logging"]
    expected = [
        *(f"--cap-drop {capability}" for capability in compose["cap_drop"]),
        *(f"--security-opt {option}" for option in compose["security_opt"]),
        *(f"--tmpfs {mount}" for mount in compose["tmpfs"]),
        *(f"--log-opt {name}={value}" for name, value in logging["options"].items()),
        f"--log-driver {logging['driver']}",
        *(f"--health-{name.replace('_', '-')} {value}" for name, value in compose["healthcheck"].items()),
        f"--memory {compose['mem_limit']}",
        f"--pids-limit {compose['pids_limit']}",
        f"--restart {compose['restart']}",
        f"--stop-timeout {compose['stop_grace_period'].removesuffix('s')}",
        *(f"--env {name}={value}" for name, value in compose["environment"].items() if value),
        *(f"--publish {port}" for port in compose["ports"]),
        "--init" if compose["init"] else "",
        "--read-only" if compose["read_only"] else "",
    ]
    assert [option for option in expected if option not in run] == []


def test_compose_keeps_what_must_be_kept_and_no_more(compose: dict[str, Any]) -> None:
    assert compose["volumes"] == ["data:/data"]
    assert compose["cap_drop"] == ["ALL"]
    assert compose["read_only"] is True
    assert compose["mem_limit"] == "400m"
    assert compose["stop_grace_period"] == "30s"
    assert compose["ports"] == ["127.0.0.1:8787:8787"]
    assert not {"privileged", "user"} & compose.keys()
