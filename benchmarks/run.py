"""`make bench`: run every `bench_*` module (or ONLY some) and write RESULTS.md and RESULTS.json.

A module has `def results() -> Iterator[measure.Result]`. Nothing here is timed in the tests.
"""

import importlib
import json
import os
import platform
import sqlite3
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

from benchmarks.measure import Result
from service import logs

HERE = Path(__file__).parent
PACKAGES = ("aiosqlite", "asyncpg", "duckdb", "eventsourcing", "msgspec", "polars", "schwab-py", "supabase")


def main(only: str) -> None:
    """Run the modules whose name holds `only`; results of the others are kept from the last run."""
    logs.silence()
    sections = _earlier()
    for path in sorted(HERE.glob("bench_*.py")):
        name = path.stem.removeprefix("bench_")
        if only and only not in name:
            continue
        began = time.perf_counter()
        print(f"{name} ...", flush=True)
        results = []
        for result in importlib.import_module(f"benchmarks.{path.stem}").results():
            print("  " + _line(result), flush=True)
            results.append(result)
        seconds = round(time.perf_counter() - began)
        print(f"  {seconds} s", flush=True)
        sections[name] = {"machine": _machine(), "seconds": seconds, "results": msgspec.to_builtins(results)}
        _write(sections)


def _earlier() -> dict[str, dict[str, object]]:
    file = HERE / "RESULTS.json"
    if not file.exists():
        return {}
    sections: dict[str, dict[str, object]] = json.loads(file.read_text())
    return {name: section for name, section in sections.items() if (HERE / f"bench_{name}.py").exists()}


def _machine() -> dict[str, object]:
    versions = {package: version(package) for package in PACKAGES}
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cores": os.cpu_count(),
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "versions": versions,
    }


def _write(sections: dict[str, dict[str, object]]) -> None:
    (HERE / "RESULTS.json").write_text(json.dumps(sections, indent=1) + "\n")
    findings = HERE / "FINDINGS.md"
    parts = [_INTRODUCTION]
    for name, section in sorted(sections.items()):
        results = msgspec.convert(section["results"], list[Result])
        machine = msgspec.convert(section["machine"], dict[str, object])
        parts.append(_section(name, results, machine | {"seconds": section.get("seconds", "?")}))
    if findings.exists():
        parts.append(findings.read_text())
    (HERE / "RESULTS.md").write_text("\n".join(parts))


_INTRODUCTION = """# Results

Written by `make bench`; the prose at the end is `FINDINGS.md`. All sides of a line ran in turn in one run, after a
warm-up. Figures are medians, the percentage is the spread (largest minus smallest, over the median). Compare the
ratios: the machine is noisy.
"""

_HEAD = "| what | unit | ticktape | beside it | goal | reached | met |\n|---|---|---|---|---|---|---|"


def _section(name: str, results: list[Result], machine: dict[str, object]) -> str:
    about = f"{machine['date']}, {machine['cores']} cores, Python {machine['python']}, SQLite {machine['sqlite']}"
    about += f", took {machine['seconds']} s"
    rows = [_HEAD, *(_row(result) for result in results)]
    notes = [f"- {result.name}: {result.note}" for result in results if result.note]
    return "\n".join([f"## {name}", "", about, "", *rows, "", *notes, ""])


def _row(result: Result) -> str:
    peers = "<br>".join(f"{peer.name} {_number(peer.median)} ±{peer.spread:.0%}" for peer in result.peers)
    ours = f"{_number(result.ours.median)} ±{result.ours.spread:.0%}"
    if result.goal is None or result.reached is None:
        return f"| {result.name} | {result.unit} | {ours} | {peers} | | | |"
    goal = f"{'>=' if result.goal.bound == 'least' else '<='} {_number(result.goal.value)}"
    if result.goal.of == "ratio":
        goal += f" x {result.goal.peer}"
    met = "yes" if result.goal.is_met(result.reached) else "**no**"
    return f"| {result.name} | {result.unit} | {ours} | {peers} | {goal} | {_number(result.reached)} | {met} |"


def _line(result: Result) -> str:
    reached = "" if result.reached is None else f"  reached {_number(result.reached)}"
    peers = ", ".join(f"{peer.name} {_number(peer.median)}" for peer in result.peers)
    return f"{result.name}: {_number(result.ours.median)} {result.unit}  [{peers}]{reached}"


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
