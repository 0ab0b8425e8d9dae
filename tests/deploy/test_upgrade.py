"""upgrade.sh and the switch on the box: whatever fails, a recorder runs afterwards, and going back works."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.world import World

SCRIPTS = ("deploy.sh", "deploy-systemd.sh")


@pytest.fixture(params=SCRIPTS)
def deployed(request: pytest.FixtureRequest, world: World) -> World:
    """A world where v1 runs, in Docker and under systemd."""
    assert world.run(request.param).returncode == 0
    world.set_version("v2")
    world.forget_calls()
    return world


def test_an_upgrade_switches_in_the_way_that_is_installed(deployed: World) -> None:
    result = deployed.run("upgrade.sh")
    assert result.returncode == 0, result.stderr
    assert deployed.running == ["v2"]
    assert "ticktape-previous" not in deployed.containers


def test_settings_and_token_are_not_touched(deployed: World) -> None:
    before = (deployed.box / "etc/ticktape/env").stat()
    deployed.env_file.unlink()
    deployed.token_file.unlink()
    assert deployed.run("upgrade.sh").returncode == 0
    assert (deployed.box / "etc/ticktape/env").stat().st_mtime_ns == before.st_mtime_ns


def test_a_version_that_does_not_get_healthy_is_taken_back(deployed: World) -> None:
    deployed.make_sick("v2")
    result = deployed.run("upgrade.sh")
    assert result.returncode == 1
    assert "runs again" in result.stderr
    assert deployed.running == ["v1"]


def test_rollback_goes_back_and_forth(deployed: World) -> None:
    deployed.run("upgrade.sh")
    assert deployed.run("upgrade.sh", "rollback").returncode == 0
    assert deployed.running == ["v1"]
    assert deployed.run("upgrade.sh", "rollback").returncode == 0
    assert deployed.running == ["v2"]


def test_rollback_without_a_previous_version_says_so(deployed: World) -> None:
    result = deployed.run("upgrade.sh", "rollback")
    assert result.returncode == 1
    assert "no previous" in result.stderr
    assert deployed.running == ["v1"]


def test_only_the_running_and_the_previous_version_stay_on_the_disk(deployed: World) -> None:
    for version in ("v2", "v3", "v4"):
        deployed.set_version(version)
        assert deployed.run("upgrade.sh").returncode == 0
    releases = deployed.box / "opt/ticktape/releases"
    names = {path.name for path in releases.iterdir()} if releases.exists() else deployed.images
    assert names in ({"v3", "v4"}, {"ticktape:previous", "ticktape:v4"})


def test_a_dry_run_changes_nothing(deployed: World) -> None:
    result = deployed.run("upgrade.sh", "--dry-run")
    assert result.returncode == 0
    assert "would run on the box: on_box.sh switch_image ticktape:v2" in result.stdout
    assert deployed.running == ["v1"]
    assert {call[0] for call in deployed.calls} <= {"aws", "git"}


@pytest.mark.parametrize("prepare", [None, lambda world: (world.folder / "instance").write_text("running")])
def test_there_has_to_be_something_to_upgrade(world: World, prepare: Callable[[World], object] | None) -> None:
    if prepare:
        prepare(world)
    result = world.run("upgrade.sh")
    assert result.returncode == 1
    assert "run deploy/deploy.sh or deploy/deploy-systemd.sh first" in result.stderr


def prepared_docker_box(folder: Path) -> World:
    world = World(folder)
    (world.box / "etc/ticktape").mkdir()
    (world.box / "etc/ticktape/env").touch()
    world.put_image("v1")
    world.put_image("v2")
    assert world.run_on_box("switch_image", "ticktape:v1").returncode == 0
    return world


def check_switch(world: World, n: int, v2_is_sick: bool) -> bool:
    """Whether the n-th docker call of a switch exists. It fails; one recorder runs, and the next switch ends well."""
    if v2_is_sick:
        world.make_sick("v2")
    world.fail("docker", n)
    world.run_on_box("switch_image", "ticktape:v2")
    failed = world.has_failed("docker")
    assert len(world.running) == 1, (n, world.calls)
    world.fail_no_more()
    result = world.run_on_box("switch_image", "ticktape:v2")
    assert (result.returncode, world.running) == ((1, ["v1"]) if v2_is_sick else (0, ["v2"])), (n, result.stderr)
    assert world.containers == {"ticktape"}
    return failed


@pytest.mark.parametrize(("n", "v2_is_sick"), [(7, False), (13, True)])
def test_after_a_failing_docker_call_a_recorder_runs(tmp_path: Path, n: int, v2_is_sick: bool) -> None:
    assert check_switch(prepared_docker_box(tmp_path / "world"), n, v2_is_sick)


@pytest.mark.long
@pytest.mark.parametrize("v2_is_sick", [False, True])
def test_after_any_failing_docker_call_a_recorder_runs(tmp_path: Path, v2_is_sick: bool) -> None:
    n = 1
    while check_switch(prepared_docker_box(tmp_path / f"world{n}"), n, v2_is_sick):
        n += 1
    assert n > 12


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_switch_cut_off_by_a_reboot_is_finished_or_taken_back(tmp_path: Path, version: str) -> None:
    world = prepared_docker_box(tmp_path / "world")
    world.interrupt_switch()
    assert world.running == []
    assert world.run_on_box("switch_image", f"ticktape:{version}").returncode == 0
    assert world.running == [version]
    assert world.containers == {"ticktape"}


def test_a_script_that_arrives_only_in_part_does_nothing(world: World) -> None:
    world.put_image("v1")
    (world.box / "etc/ticktape").mkdir()
    (world.box / "etc/ticktape/env").touch()
    world.run_on_box("switch_image", "ticktape:v1", cut_off=True)
    assert world.calls == []
