"""deploy.sh and deploy-systemd.sh against a box that is a folder: what they do, leave alone, and survive."""

import itertools
import re
import stat
from pathlib import Path

import pytest

from tests.deploy.world import SECRETS, World

SCRIPTS = ("deploy.sh", "deploy-systemd.sh")
CHANGING = {"create-instances", "start-instance", "delete-instance", "put-instance-public-ports"}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_first_run_creates_the_box_and_starts_the_service(world: World, script: str) -> None:
    result = world.run(script)
    assert result.returncode == 0, result.stderr
    assert world.running == ["v1"]
    created = world.calls_of("aws", "lightsail", "create-instances")
    assert len(created) == 1
    assert {"amazon_linux_2023", "nano_3_0"} <= set(created[0])
    assert "deploy/upgrade.sh" in result.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_only_ssh_is_open_and_the_host_keys_are_known_before_the_first_connection(world: World, script: str) -> None:
    world.run(script)
    (ports,) = world.calls_of("aws", "lightsail", "put-instance-public-ports")
    assert "fromPort=22,toPort=22,protocol=tcp,cidrs=0.0.0.0/0,ipv6Cidrs=::/0" in ports
    config = world.home / ".config/ticktape"
    assert (config / "ticktape.known_hosts").read_text().startswith("ticktape ssh-ed25519 AAAAplanted\n")
    assert "StrictHostKeyChecking yes" in (config / "ticktape.ssh_config").read_text()
    names = [call[0] if call[0] == "ssh" else call[2] for call in world.calls if call[0] in {"ssh", "aws"}]
    assert names.index("get-instance-access-details") < names.index("ssh")


@pytest.mark.parametrize(
    ("cidr", "sources"),
    [("198.51.100.7/32", "cidrs=198.51.100.7/32"), ("2001:db8::/32", "ipv6Cidrs=2001:db8::/32")],
)
def test_ssh_can_be_limited_to_one_network(world: World, cidr: str, sources: str) -> None:
    world.run("deploy.sh", SSH_CIDR=cidr)
    (ports,) = world.calls_of("aws", "lightsail", "put-instance-public-ports")
    assert f"fromPort=22,toPort=22,protocol=tcp,{sources}" in ports


@pytest.mark.parametrize("port", ["8787", "9000"])
def test_http_of_the_container_is_published_on_the_loopback_of_the_box_alone(world: World, port: str) -> None:
    world.env_file.write_text(world.env_file.read_text() + f"HEALTH_HOST=127.0.0.1\nHEALTH_PORT={port}\n")
    told = world.run("deploy.sh").stdout
    (run,) = world.calls_of("docker", "run")
    options = list(itertools.pairwise(run))
    assert [value for option, value in options if option == "--publish"] == ["127.0.0.1:8787:8787"]
    assert {("--env", "HEALTH_HOST=0.0.0.0"), ("--env", "HEALTH_PORT=8787")} <= set(options)
    assert "ticktape.ssh_config -L 8787:127.0.0.1:8787 ticktape " in told


def test_without_docker_the_way_to_the_page_has_the_port_of_the_settings(world: World) -> None:
    world.env_file.write_text(world.env_file.read_text() + "HEALTH_PORT=9000\n")
    assert "ticktape.ssh_config -L 9000:127.0.0.1:9000 ticktape " in world.run("deploy-systemd.sh").stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_secrets_are_private_files_and_nothing_else(world: World, script: str) -> None:
    world.run(script)
    world.run(script)
    told = "\n".join([*world.outputs, *(word for call in world.calls for word in call)])
    assert [secret for secret in SECRETS if secret in told] == []
    private = [world.home / ".config/ticktape/us-east-1.pem", world.box / "etc/ticktape/env"]
    private.append(world.box / "var/lib/ticktape/schwab_token.json")
    assert [mode(file) for file in private] == [0o600] * 3
    assert [mode(file.parent) for file in private] == [0o700] * 3
    assert mode(world.home / "upload") == 0o700
    copied = [line.split() for line in (world.folder / "copied").read_text().splitlines()]
    assert {Path(name).name: mode for mode, name in copied if "ticktape" not in name and "release" not in name} == {
        "env": "600",
        "schwab_token.json": "600",
    }
    assert list((world.home / "upload").iterdir()) == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_second_run_changes_nothing_and_does_not_interrupt_the_recording(world: World, script: str) -> None:
    world.run(script)
    world.forget_calls()
    result = world.run(script)
    assert result.returncode == 0, result.stderr
    assert world.running == ["v1"]
    assert "runs already" in result.stdout
    assert not world.calls_of("aws", "lightsail", "create-instances")
    assert not [call for call in world.calls if call[:2] in (["docker", "stop"], ["docker", "run"], ["docker", "save"])]
    assert not world.calls_of("systemctl", "restart")
    assert (world.box / "etc/fstab").read_text().count("swapfile") == 1


@pytest.mark.parametrize("script", SCRIPTS)
def test_changed_settings_are_uploaded_and_read_by_a_restart(world: World, script: str) -> None:
    world.run(script)
    world.env_file.write_text(world.env_file.read_text() + "BATCH_SIZE=50\n")
    result = world.run(script)
    assert "runs already" not in result.stdout
    assert world.running == ["v1"]
    assert "BATCH_SIZE=50" in (world.box / "etc/ticktape/env").read_text()


def test_the_token_on_the_box_is_replaced_only_by_a_later_login(world: World) -> None:
    world.run("deploy.sh")
    token = world.box / "var/lib/ticktape/schwab_token.json"
    renewed = token.read_text().replace("planted-refresh-token", "renewed-by-the-service")
    token.write_text(renewed)
    world.run("deploy.sh")
    assert token.read_text() == renewed
    world.log_in(2_000)
    world.run("deploy.sh")
    assert token.read_text() == world.token_file.read_text()


def restarts(world: World) -> list[list[str]]:
    return [
        *world.calls_of("docker", "stop"),
        *world.calls_of("docker", "run"),
        *world.calls_of("systemctl", "restart"),
    ]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_new_token_is_taken_to_the_box_alone(world: World, script: str) -> None:
    world.run(script)
    settings = (world.box / "etc/ticktape/env").read_text()
    world.log_in(2_000)
    world.set_version("v2-dirty")
    world.env_file.write_text(world.env_file.read_text() + "BATCH_SIZE=50\n")
    world.forget_calls()
    result = world.run(script, "token")
    assert result.returncode == 0, result.stderr
    assert "the box has the new token" in result.stdout
    token = world.box / "var/lib/ticktape/schwab_token.json"
    assert (token.read_text(), mode(token)) == (world.token_file.read_text(), 0o600)
    assert (world.box / "etc/ticktape/env").read_text() == settings
    assert (world.running, restarts(world)) == (["v1"], [])
    assert {call[0] for call in world.calls} <= {"aws", "ssh", "scp", "sudo", "install"}
    assert list((world.home / "upload").iterdir()) == []
    assert "it stays" in world.run(script, "token").stdout


def test_a_token_needs_a_box(world: World) -> None:
    result = world.run("deploy.sh", "token")
    assert result.returncode == 1
    assert "is absent: run deploy/deploy.sh" in result.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_runs_is_not_stopped_for_being_unhealthy(world: World, script: str) -> None:
    world.run(script)
    world.forget_calls()
    world.log_in(2_000)
    world.make_sick("v1")
    result = world.run(script)
    assert result.returncode == 0, result.stderr
    assert (world.running, restarts(world)) == (["v1"], [])
    assert (world.box / "var/lib/ticktape/schwab_token.json").read_text() == world.token_file.read_text()


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_was_stopped_is_started_by_the_next_run(world: World, script: str) -> None:
    world.run(script)
    world.stop()
    assert world.running == []
    assert world.run(script).returncode == 0
    assert world.running == ["v1"]


def test_the_command_on_the_box_reaches_the_container_running_or_not(world: World) -> None:
    world.run("deploy.sh")
    world.forget_calls()
    assert world.run_command("health", "--json").returncode == 0
    assert world.calls_of("sudo") == [["sudo", f"{world.box}/usr/local/bin/ticktape", "health", "--json"]]
    (call,) = world.calls_of("docker", "exec")
    assert call[2:] == ["--interactive", "--workdir", "/data", "ticktape", "ticktape", "health", "--json"]
    world.stop()
    assert world.run_command("log", "restore", "a file.db").returncode == 0
    (call,) = world.calls_of("docker", "run", "--rm")
    assert {f"{world.box}/var/lib/ticktape:/data", "--read-only", f"{world.box}/etc/ticktape/env"} <= set(call)
    assert call[-4:] == ["sha256:ticktape:v1", "log", "restore", "a file.db"]
    assert not {"--publish", "--restart", "--name"} & set(call)


def test_the_command_on_the_box_runs_as_the_unit_does(world: World) -> None:
    world.run("deploy-systemd.sh")
    world.forget_calls()
    assert world.run_command("log", "restore", "a file.db").returncode == 0
    (call,) = world.calls_of("systemd-run")
    data = f"{world.box}/var/lib/ticktape"
    expected = {"--uid=ticktape", f"--working-directory={data}", f"--setenv=DATA_DIR={data}", "--pipe", "--wait"}
    assert {*expected, f"--property=EnvironmentFile={world.box}/etc/ticktape/env"} <= set(call)
    assert call[-4:] == [f"{world.box}/opt/ticktape/current/venv/bin/ticktape", "log", "restore", "a file.db"]


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("exists", [False, True])
def test_a_dry_run_changes_nothing(world: World, script: str, exists: bool) -> None:
    if exists:
        world.run(script)
        world.forget_calls()
    result = world.run(script, "--dry-run")
    assert result.returncode == 0, result.stderr
    shown = [line for line in result.stdout.splitlines() if line.startswith("would run")]
    assert exists or any("create-instances" in line for line in shown)
    assert any("on_box.sh switch_" in line for line in shown)
    assert {call[0] for call in world.calls} <= {"aws", "git", "install"}
    assert not CHANGING & {call[2] for call in world.calls_of("aws")}
    assert exists or not (world.home / ".config").exists()


def test_destroy_asks_for_the_name(world: World) -> None:
    world.run("deploy.sh")
    refused = world.run("deploy.sh", "destroy", answer="yes\n")
    assert refused.returncode == 1
    assert not world.calls_of("aws", "lightsail", "delete-instance")
    assert world.run("deploy.sh", "destroy", answer="ticktape\n").returncode == 0
    assert len(world.calls_of("aws", "lightsail", "delete-instance")) == 1
    assert not (world.home / ".config/ticktape/ticktape.known_hosts").exists()
    again = world.run("deploy.sh", "destroy", "--yes")
    assert again.returncode == 0
    assert "nothing to destroy" in again.stdout


def test_a_dry_destroy_destroys_nothing(world: World) -> None:
    world.run("deploy.sh")
    result = world.run("deploy.sh", "destroy", "--dry-run")
    assert result.returncode == 0
    assert "would run: aws lightsail delete-instance" in result.stdout
    assert (world.folder / "instance").exists()


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda text: text.replace("SCHWAB_APP_KEY=planted-app-key", "SCHWAB_APP_KEY="), "SCHWAB_APP_KEY is missing"),
        (lambda text: text.replace("SUPABASE_URL", "SUPABASE_URI"), "SUPABASE_URL is missing"),
        (lambda text: text.replace("=QQQ", '="QQQ"'), "settings.env:1: write NAME=value, without quotes"),
        (lambda text: text.replace("=QQQ", "=QQQ # mine"), "settings.env:1: write NAME=value, without quotes"),
    ],
)
def test_wrong_settings_stop_it_before_anything_happens(world: World, spoil: object, complaint: str) -> None:
    assert callable(spoil)
    world.env_file.write_text(spoil(world.env_file.read_text()))
    result = world.run("deploy.sh")
    assert result.returncode == 2
    assert complaint in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert world.calls == []


@pytest.mark.parametrize("missing", ["env_file", "token_file"])
def test_a_missing_file_stops_it_before_anything_happens(world: World, missing: str) -> None:
    getattr(world, missing).unlink()
    result = world.run("deploy.sh")
    assert result.returncode == 2
    assert "not found" in result.stderr
    assert world.calls == []


def test_other_destinations_need_no_supabase(world: World) -> None:
    text = world.env_file.read_text()
    world.env_file.write_text(re.sub("SUPABASE.*\n", "", text) + "DESTINATION=postgres\n")
    assert world.run("deploy.sh").returncode == 0


def test_folders_of_this_machine_are_not_told_to_the_box(world: World) -> None:
    paths = f"SCHWAB_TOKEN_PATH={world.token_file}\nDATA_DIR=/home/me/data\n"
    world.env_file.write_text(world.env_file.read_text() + paths)
    assert world.run("deploy.sh").returncode == 0
    settings = (world.box / "etc/ticktape/env").read_text()
    assert "SCHWAB_APP_KEY=planted-app-key" in settings
    assert "PATH=" not in settings
    assert "DATA_DIR=" not in settings


def test_the_token_is_found_where_the_settings_say(world: World) -> None:
    folder = world.folder / "elsewhere"
    folder.mkdir()
    world.token_file.rename(folder / "schwab_token.json")
    world.env_file.write_text(world.env_file.read_text() + f"DATA_DIR={folder}\n")
    assert world.run("deploy.sh", TOKEN_FILE="").returncode == 0
    assert (world.box / "var/lib/ticktape/schwab_token.json").exists()


def test_an_unknown_argument_is_refused(world: World) -> None:
    result = world.run("deploy.sh", "--now")
    assert result.returncode == 2
    assert "--now: unknown" in result.stderr
    assert world.calls == []


def test_help_tells_how(world: World) -> None:
    result = world.run("deploy.sh", "--help")
    assert result.returncode == 0
    assert "deploy/deploy.sh destroy" in result.stdout
    assert "pipefail" not in result.stdout


@pytest.mark.parametrize(("first", "second"), [SCRIPTS, SCRIPTS[::-1]])
def test_the_two_ways_never_record_into_the_same_data(world: World, first: str, second: str) -> None:
    world.run(first)
    result = world.run(second)
    assert result.returncode == 1
    assert "two recorders cannot share" in result.stderr
    assert world.running == ["v1"]


def test_an_error_of_the_api_is_not_taken_for_a_missing_box(world: World) -> None:
    world.fail("aws", 1)
    result = world.run("deploy.sh")
    assert result.returncode == 1
    assert "check the AWS credentials" in result.stderr
    assert not world.calls_of("aws", "lightsail", "create-instances")


def check_recovery(world: World, script: str, tool: str, n: int) -> bool:
    """Whether the n-th call of the tool exists. It fails; the next run, undisturbed, has to end well."""
    world.fail(tool, n)
    broken = world.run(script)
    failed = world.has_failed(tool)
    world.fail_no_more()
    mended = world.run(script)
    assert mended.returncode == 0, (tool, n, broken.stderr, mended.stderr)
    assert world.running == ["v1"], (tool, n)
    assert len(world.containers) <= 1
    assert list((world.home / "upload").iterdir()) == []
    return failed


@pytest.mark.parametrize(
    ("script", "tool", "n"), [("deploy.sh", "scp", 1), ("deploy.sh", "ssh", 6), ("deploy-systemd.sh", "pip", 3)]
)
def test_a_failure_in_the_middle_is_mended_by_the_next_run(world: World, script: str, tool: str, n: int) -> None:
    assert check_recovery(world, script, tool, n)


@pytest.mark.long
@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("tool", ["aws", "ssh", "scp", "docker", "systemctl", "install", "pip"])
def test_a_failure_of_any_call_is_mended_by_the_next_run(tmp_path: Path, script: str, tool: str) -> None:
    n = 1
    while check_recovery(World(tmp_path / f"world{n}"), script, tool, n):
        n += 1
    assert n > 1 or (script, tool) in {("deploy.sh", "pip"), ("deploy-systemd.sh", "docker")}
