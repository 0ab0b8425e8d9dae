"""The Dockerfile and .dockerignore as data, and the build context they let through. Enough for this project's files."""

import fnmatch
import shutil
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parents[2]


class Instruction(NamedTuple):
    """One instruction with its continuation lines joined."""

    name: str
    value: str


def instructions() -> list[Instruction]:
    """All instructions of the Dockerfile, in order."""
    lines = (PROJECT / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if line and not line.startswith("#")).replace("\\\n", " ")
    return [Instruction(*(part.strip() for part in line.split(maxsplit=1))) for line in text.splitlines()]


def stages() -> list[list[Instruction]]:
    """The instructions of each stage; those before the first FROM belong to none."""
    found: list[list[Instruction]] = []
    for instruction in instructions():
        if instruction.name == "FROM":
            found.append([])
        if found:
            found[-1].append(instruction)
    return found


def is_let_through(path: str) -> bool:
    """Whether .dockerignore lets this file into the build context: the last pattern that matches decides."""
    is_ignored = False
    for line in (PROJECT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!").removesuffix("/")
            if _matches(path, pattern):
                is_ignored = not line.startswith("!")
    return not is_ignored


def _matches(path: str, pattern: str) -> bool:
    parts = path.split("/")
    ancestors = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    if pattern.startswith("**/"):
        return any(fnmatch.fnmatchcase(part, pattern.removeprefix("**/")) for part in parts)
    return any(
        fnmatch.fnmatchcase(ancestor, pattern) for ancestor in ancestors if ancestor.count("/") == pattern.count("/")
    )


def copy_context(folder: Path) -> None:
    """Do what every COPY from the context does, in the stage `build`, into `folder` as its working directory."""
    for instruction in stages()[0]:
        if instruction.name == "COPY":
            *sources, target = instruction.value.split()
            for source in sources:
                _copy(source, target, folder)


def _copy(source: str, target: str, folder: Path) -> None:
    origin = PROJECT / source
    assert origin.exists(), f"COPY {source}: no such file"
    for file in [origin] if origin.is_file() else sorted(origin.rglob("*")):
        name = str(file.relative_to(PROJECT))
        if file.is_file() and is_let_through(name):
            inside = file.name if origin.is_file() else str(file.relative_to(origin))
            copy = folder / target / inside if target.endswith("/") else folder / target
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
