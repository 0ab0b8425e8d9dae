"""Asks the running service for its health over HTTP. Light: it is what a container's health check runs."""

import http.client
import json
import re
from pathlib import Path
from typing import Any

from service.settings import Settings

TIMEOUT_SECONDS = 10.0

_HOLDER = re.compile(r"pid (\d+) ")


def ask(settings: Settings) -> dict[str, Any] | None:
    """The report of the service on DATA_DIR, None when none answers at HEALTH_HOST:HEALTH_PORT."""
    host = "127.0.0.1" if settings.health_host in ("0.0.0.0", "::") else settings.health_host  # noqa: S104
    name = f"[{host}]" if ":" in host else host
    connection = http.client.HTTPConnection(host, settings.health_port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/readyz", headers={"Host": f"{name}:{settings.health_port}"})
        report: Any = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    # Whatever else answers on that port is not the service of this directory.
    if not isinstance(report, dict):
        return None
    return report if report.get("pid") == holder(settings.data_dir) is not None else None


def holder(data_dir: Path) -> int | None:
    """The pid of the process that holds the data directory, None when nobody does."""
    try:
        found = _HOLDER.match((data_dir / "lock").read_text())
    except OSError:
        return None
    if found is None or not Path("/proc/self").exists():
        return int(found[1]) if found else None
    return int(found[1]) if Path(f"/proc/{found[1]}").exists() else None
