"""What this machine must offer: a writable private directory, room, a sound SQLite, a free port, memory."""

import errno
import os
import shutil
import socket
import sqlite3
import stat
from pathlib import Path

from service.health.check import Check, size
from service.health.checks import DISK_ERROR_BYTES, DISK_WARNING_BYTES
from service.health.client import holder
from service.settings import Settings

# The first with full support for what the schema uses: STRICT tables, ->> and RETURNING.
SQLITE_NEEDED = (3, 38, 0)


def checks(settings: Settings) -> list[Check]:
    """The lines about this machine. Creates nothing."""
    return [
        _directory(settings.data_dir),
        disk(shutil.disk_usage(_existing(settings.data_dir)).free),
        sqlite(sqlite3.sqlite_version_info),
        _port(settings),
    ]


def _existing(path: Path) -> Path:
    """The nearest directory that is there."""
    path = path.absolute()
    return path if path.is_dir() else _existing(path.parent)


def _directory(path: Path) -> Check:
    if path.exists() and not path.is_dir():
        return Check("data_dir", "error", str(path), "DATA_DIR is not a directory: choose another.")
    if not os.access(_existing(path), os.W_OK | os.X_OK):
        sentence = f"DATA_DIR cannot be written by user {os.getuid()}: change its owner, or choose another."
        return Check("data_dir", "error", str(path), sentence)
    if not path.exists():
        return Check("data_dir", "ok", str(path), "It will be made at the first start.")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        sentence = f"Others on this machine can look into it: chmod 700 {path}"
        return Check("data_dir", "warning", str(path), sentence)
    return Check("data_dir", "ok", str(path), "It can be written, and nobody else can look into it.")


def disk(free_bytes: int) -> Check:
    """Is there room for some weeks? A ticker at two ticks a second writes about 13 MB a day."""
    value = f"{size(free_bytes)} free"
    if free_bytes < DISK_ERROR_BYTES:
        return Check("disk", "error", value, "There is no room to record: make some, or choose another DATA_DIR.")
    if free_bytes < DISK_WARNING_BYTES:
        return Check("disk", "warning", value, "This lasts some weeks at most: make room or set RETENTION_DAYS.")
    return Check("disk", "ok", value, "There is room.")


def sqlite(version: tuple[int, ...]) -> Check:
    """Is SQLite new enough?"""
    value = ".".join(map(str, version))
    if version < SQLITE_NEEDED:
        needed = ".".join(map(str, SQLITE_NEEDED))
        return Check("sqlite", "error", value, f"SQLite {needed} or newer is needed: use a newer Python or system.")
    return Check("sqlite", "ok", value, "It has what the log needs.")


def _port(settings: Settings) -> Check:
    value = f"{settings.health_host}:{settings.health_port}"
    pid = holder(settings.data_dir)
    if pid is not None:
        return Check("port", "ok", value, f"The service runs already (process {pid}).")
    family = socket.AF_INET6 if ":" in settings.health_host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.health_host, settings.health_port))
        except OSError as error:
            why = "is taken by another program" if error.errno == errno.EADDRINUSE else "cannot be used here"
            return Check("port", "error", value, f"It {why}: choose another HEALTH_PORT or HEALTH_HOST.")
    return Check("port", "ok", value, "It is free for health, metrics and the live page.")
