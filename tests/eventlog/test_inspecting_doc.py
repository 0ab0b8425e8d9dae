"""Every query of docs/inspecting.md, run by the sqlite3 command line, prints what the document says."""

import asyncio
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.eventlog import sample

DOCUMENT = Path(__file__).parents[2] / "docs" / "inspecting.md"
_ANSWERED = re.compile(
    r"^## (?P<title>[^\n]+)\n(?:(?!^## ).)*?```sql\n(?P<query>.*?)```\n+```text\n(?P<answer>.*?)```", re.S | re.M
)


def questions() -> list[tuple[str, str, str]]:
    """Title, query and printed answer of each section."""
    return [(found["title"], found["query"], found["answer"]) for found in _ANSWERED.finditer(DOCUMENT.read_text())]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("inspecting")
    asyncio.run(sample.make(made / "data"))
    return made


def test_ten_questions_are_answered() -> None:
    document = DOCUMENT.read_text()
    assert len(questions()) >= 10
    assert document.count("```sql") == len(questions()), "every query has its answer"


@pytest.mark.parametrize(("title", "query", "answer"), questions(), ids=[title for title, _, _ in questions()])
def test_the_answer_is_as_printed(folder: Path, title: str, query: str, answer: str) -> None:
    if shutil.which("sqlite3") is None:
        _runs_at_all(folder, query)
        pytest.skip("no sqlite3 command line: the query runs, its printed form was not compared")
    command = ["sqlite3", "-box", "-readonly", "data/events.db"]
    printed = subprocess.run(command, check=True, cwd=folder, input=query, capture_output=True, text=True)
    assert printed.stderr == ""
    assert printed.stdout == answer, f"{title}\n{printed.stdout}"


def _runs_at_all(folder: Path, query: str) -> None:
    connection = sqlite3.connect(f"file:{folder}/data/events.db?mode=ro", uri=True)
    connection.executescript(query.replace("data/state.db", f"{folder}/data/state.db"))
    connection.close()
