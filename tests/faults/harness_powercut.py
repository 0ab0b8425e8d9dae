"""A disk whose cache is lost: what a power cut at any moment can leave of a database and its WAL.

A shim below SQLite (APSW) records every write, truncation and sync in order. A state after a cut at step t has, of each
file, all that was written before its last sync, and of the later writes any subset, the chosen ones whole or torn at a
sector. The states are opened by the standard sqlite3, as the log would be.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import apsw

SECTOR = 512
_DATABASE = "events.db"


@dataclass(frozen=True)
class Step:
    """One thing that happened to the file called `name`, or an acknowledgement of everything up to `seq`."""

    what: Literal["write", "truncate", "sync", "delete", "acknowledged"]
    name: str = ""
    offset: int = 0
    data: bytes = b""
    seq: int = 0
    is_durable: bool = False
    """Whether a deletion was followed by a sync of the directory."""


@dataclass
class Tape:
    """The steps in order."""

    steps: list[Step] = field(default_factory=list)

    def acknowledged(self, seq: int) -> None:
        self.steps.append(Step("acknowledged", seq=seq))


class _Shim(apsw.VFS):
    def __init__(self, name: str, tape: Tape) -> None:
        self._tape = tape
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _File(name, flags, self._tape)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self._tape.steps.append(Step("delete", Path(filename).name, is_durable=bool(syncdir)))
        super().xDelete(filename, syncdir)


class _File(apsw.VFSFile):
    def __init__(self, name: Any, flags: list[int], tape: Tape) -> None:
        self._name = Path(name.filename() if isinstance(name, apsw.URIFilename) else str(name)).name
        self._tape = tape
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._tape.steps.append(Step("write", self._name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._tape.steps.append(Step("truncate", self._name, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._tape.steps.append(Step("sync", self._name))
        super().xSync(flags)


def record(directory: Path, work: Callable[[Any, Tape], None]) -> Tape:
    """Run `work` on a connection over the recording disk."""
    tape = Tape()
    name = f"recorder-{id(tape)}"
    shim = _Shim(name, tape)
    connection = apsw.Connection(str(directory / _DATABASE), vfs=name)
    # Without shared memory, which the shim does not pass on; what goes to the two files is the same.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    try:
        work(connection, tape)
    finally:
        tape_length = len(tape.steps)
        connection.close()
        del tape.steps[tape_length:]
        shim.unregister()
    return tape


def leave(tape: Tape, cut: int, randomness: random.Random, directory: Path) -> int:
    """Write a state that a cut after `cut` steps can leave into `directory`; the largest acknowledged seq by then."""
    acknowledged = 0
    synced: dict[str, int] = {}
    for number, step in enumerate(tape.steps[:cut]):
        if step.what == "sync":
            synced[step.name] = number
        elif step.what == "acknowledged":
            acknowledged = step.seq
    files: dict[str, bytearray] = {}
    survival = randomness.choice((0.0, 0.3, 0.7, 1.0))
    for number, step in enumerate(tape.steps[:cut]):
        is_durable = step.is_durable or number < synced.get(step.name, -1)
        if step.what in ("sync", "acknowledged") or not (is_durable or randomness.random() < survival):
            continue
        content = files.setdefault(step.name, bytearray())
        if step.what == "delete":
            files.pop(step.name, None)
        elif step.what == "truncate":
            del content[step.offset :]
        else:
            data = step.data if is_durable else _torn(step.data, randomness)
            content.extend(bytes(max(0, step.offset + len(data) - len(content))))
            content[step.offset : step.offset + len(data)] = data
    for name, content in files.items():
        (directory / name).write_bytes(content)
    return acknowledged


def _torn(data: bytes, randomness: random.Random) -> bytes:
    """Mostly the whole write, sometimes only its first sectors."""
    if len(data) <= SECTOR or randomness.random() < 0.7:
        return data
    return data[: SECTOR * randomness.randrange(1, (len(data) + SECTOR - 1) // SECTOR)]
