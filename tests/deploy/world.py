"""A world for the scripts of deploy/: stubs on PATH, settings with planted secrets, a box that is a folder."""

import json
import os
import shutil
import subprocess
from pathlib import Path

DEPLOY = Path(__file__).parents[2] / "deploy"
STUBS = Path(__file__).parent / "stubs.sh"
SECRETS = ("planted-app-key", "planted-app-secret", "sb_secret_planted", "planted-refresh-token", "planted-private-key")
THIS_MACHINE = {"aws", "docker", "git", "pip", "python", "python3", "scp", "ssh"}
BOX = {"dnf", "fallocate", "id", "install", "journalctl", "mkswap", "python3.11", "sudo", "swapon", "systemctl"}
COMMANDS = THIS_MACHINE | BOX | {"systemd-run", "useradd"}


class World:
    """One test's world. `run` runs a script in it; `calls` tells what the stubs were asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.box = folder / "box"
        self.home = folder / "home"
        self.outputs: list[str] = []
        for name in ("commands", "home", "box/etc", "fail"):
            (folder / name).mkdir(parents=True)
        for name in COMMANDS:
            (folder / "commands" / name).symlink_to(STUBS)
        (self.box / "etc/fstab").touch()
        self.env_file = folder / "settings.env"
        self.env_file.write_text(
            "STREAM_TICKER=QQQ\nSCHWAB_APP_KEY=planted-app-key\nSCHWAB_APP_SECRET=planted-app-secret\n"
            "SUPABASE_URL=https://example.supabase.co\nSUPABASE_SERVICE_ROLE_KEY=sb_secret_planted\n"
        )
        self.token_file = folder / "schwab_token.json"
        self.log_in(1_000)
        self.set_version("v1")

    def log_in(self, when: int) -> None:
        """Write a token of a login at `when` (seconds since 1970)."""
        token = {"creation_timestamp": when, "token": {"refresh_token": "planted-refresh-token"}}
        self.token_file.write_text(json.dumps(token))

    def set_version(self, version: str) -> None:
        """What the checkout calls itself from now on."""
        (self.folder / "version").write_text(version + "\n")

    def make_sick(self, version: str) -> None:
        """This version never gets healthy from now on."""
        (self.folder / "sick").write_text(version + "\n")

    def fail(self, command: str, n: int) -> None:
        """Make the n-th next call of a command fail."""
        (self.folder / "fail" / command).write_text(str(n))

    def has_failed(self, command: str) -> bool:
        """Whether the call that `fail` named has come."""
        return int((self.folder / "fail" / command).read_text()) <= 0

    def fail_no_more(self) -> None:
        """Nothing fails from now on."""
        for file in (self.folder / "fail").iterdir():
            file.unlink()

    def run(self, script: str, *arguments: str, answer: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a script of deploy/ in this world, with further variables of the environment."""
        result = self._execute([str(DEPLOY / script), *arguments], self._environment() | settings, answer)
        self.outputs += [result.stdout, result.stderr]
        return result

    def run_on_box(self, *arguments: str, cut_off: bool = False) -> subprocess.CompletedProcess[str]:
        """Run on_box.sh as ssh would; `cut_off`: only the first half of it arrives."""
        script = (DEPLOY / "on_box.sh").read_text()
        environment = self._environment() | {"STUB_HOST": "box", "ROOT": str(self.box), "UPLOAD": f"{self.home}/upload"}
        return self._execute(
            ["bash", "-s", "--", *arguments], environment, script[: len(script) // 2] if cut_off else script
        )

    def run_command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `ticktape` on the box as its user types it."""
        command = [str(self.box / "usr/local/bin/ticktape"), *arguments]
        return self._execute(command, self._environment() | {"STUB_HOST": "box"}, "")

    def stop(self) -> None:
        """Stop what records on the box."""
        for marker in [*(self.folder / "containers.box").glob("*/runs"), self.folder / "active"]:
            marker.unlink(missing_ok=True)

    @staticmethod
    def _execute(command: list[str], environment: dict[str, str], text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=environment, input=text, text=True, capture_output=True, timeout=60, check=False
        )

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.folder}/commands:{os.environ['PATH']}",
            "HOME": str(self.home),
            "STUB_WORLD": str(self.folder),
            "ENV_FILE": str(self.env_file),
            "TOKEN_FILE": str(self.token_file),
            "POLL_SECONDS": "0",
            "POLL_TIMES": "3",
            "HEALTH_SECONDS": "0",
            "HEALTH_TIMES": "2",
        }

    @property
    def calls(self) -> list[list[str]]:
        """Every call of a stub so far: name and arguments."""
        file = self.folder / "calls"
        return [line.split("\x1f") for line in file.read_text().splitlines()] if file.exists() else []

    def calls_of(self, *start: str) -> list[list[str]]:
        """The calls that begin with these words."""
        return [call for call in self.calls if call[: len(start)] == list(start)]

    def forget_calls(self) -> None:
        """Start a new record of calls."""
        (self.folder / "calls").unlink(missing_ok=True)

    @property
    def containers(self) -> set[str]:
        """Names of the box's containers."""
        return {path.name for path in (self.folder / "containers.box").glob("*")}

    @property
    def images(self) -> set[str]:
        """Tags of the box's images."""
        return {path.name for path in (self.folder / "images.box").glob("*")}

    @property
    def running(self) -> list[str]:
        """The versions that run on the box, in Docker and under systemd."""
        found = (path.parent / "image" for path in (self.folder / "containers.box").glob("*/runs"))
        versions = [image.read_text().strip().removeprefix("sha256:ticktape:") for image in found]
        if (self.folder / "active").exists():
            versions.append((self.box / "opt/ticktape/current").readlink().name)
        return versions

    def put_image(self, version: str) -> None:
        """Load an image on the box."""
        folder = self.folder / "images.box"
        folder.mkdir(exist_ok=True)
        (folder / f"ticktape:{version}").write_text(f"sha256:ticktape:{version}\n")

    def interrupt_switch(self) -> None:
        """As if the box had rebooted when the running container was stopped and renamed."""
        folder = self.folder / "containers.box"
        shutil.move(folder / "ticktape", folder / "ticktape-previous")
        (folder / "ticktape-previous/runs").unlink()
