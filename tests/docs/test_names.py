"""What the documents name exists: commands, options, settings, events, exit codes, files; and what exists is named."""

import inspect
import re
from pathlib import Path

import pytest
import typer

from docs import configuration
from eventlog import errors
from service import cli
from service.health import checks
from service.settings import Settings
from tests.service.health.samples import HEALTHY

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
ROOMS = ("eventlog", "feed", "indicators", "market", "replicator", "service")
DOCUMENTS = sorted([*DOCS.glob("*.md"), *REPOSITORY.glob("*.md"), REPOSITORY / "env.template"])
SOURCES = sorted(path for room in ROOMS for path in (REPOSITORY / room).rglob("*.py"))
OPERATIONS = (DOCS / "OPERATIONS.md").read_text()
# Words in capitals that look like settings, and belong to others.
NOT_OURS = {"HTTPS_PROXY", "INSTANCE", "AWS_REGION", "ZONE", "BUNDLE", "SSH_CIDR", "ENV_FILE", "TOKEN_FILE", "PYTHON"}

COMMAND = re.compile(r"`(?:[\w./-]*/)?ticktape ([a-z][^`\n]*)`|^ {4}(?:[\w./-]*/)?ticktape ([a-z].*)$", re.MULTILINE)


def _commands() -> dict[str, set[str]]:
    """Every command, such as "log backup", with its options."""
    root = typer.main.get_command(cli.application(""))
    found: dict[str, set[str]] = {}
    assert isinstance(root, typer.core.TyperGroup)
    for name, command in root.commands.items():
        for path, one in [
            (name, command),
            *((f"{name} {sub}", c) for sub, c in getattr(command, "commands", {}).items()),
        ]:
            found[path] = {option for parameter in one.params for option in parameter.opts} | {"--help"}
    return found


COMMANDS = _commands()


def _flaw(line: str) -> str | None:
    """Why a command line as written in a document cannot be run, or None."""
    words = re.split(r"\s+(?:#|&&|\|)", line)[0].split()
    plain = [word for word in words if not word.startswith("-")]
    is_group = any(path.startswith(f"{plain[0]} ") for path in COMMANDS)
    path = " ".join(plain[:2]) if is_group else plain[0]
    if path not in COMMANDS:
        return f"no such command: {line}"
    unknown = {word.partition("=")[0] for word in words if word.startswith("--")} - COMMANDS[path]
    return f"{path} has no {unknown}" if unknown else None


@pytest.mark.parametrize("path", [*DOCUMENTS, *SOURCES], ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_commands_named_anywhere_exist(path: Path) -> None:
    named = [first or second for first, second in COMMAND.findall(path.read_text())]
    assert [flaw for flaw in map(_flaw, named) if flaw] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_settings_named_anywhere_exist(path: Path) -> None:
    text = path.read_text()
    named = set(re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+|SESSION|DESTINATION)\b", text))
    if path.name == "env.template":
        named |= set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))
    assert {name for name in named - NOT_OURS if name.lower() not in Settings.model_fields} <= _schwab_fields(text)


def _schwab_fields(text: str) -> set[str]:
    """Names of Schwab's fields and of SQL, which also are capitals with underscores."""
    return set(
        re.findall(r"`((?:LAST|TOTAL|TRADE|QUOTE|LEVELONE|BID|ASK|CHART|TICKTAPE|STOP|CLOSE|LOGIN)_[A-Z_]+)\b", text)
    )


def test_env_template_has_every_setting() -> None:
    text = (REPOSITORY / "env.template").read_text()
    assert set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE)) == {
        name.upper() for name in Settings.model_fields
    }


def test_the_settings_document_is_made_of_the_settings() -> None:
    document = (DOCS / "CONFIGURATION.md").read_text()
    assert document == configuration.render(), "make it anew: python docs/configuration.py"


def test_every_log_event_is_in_the_runbook() -> None:
    used = {name for path in SOURCES for name in re.findall(r'event="([\w.]+)"', path.read_text())}
    used |= {"alert.warning", "alert.error", "alert.recovered"}
    table = OPERATIONS[OPERATIONS.index("## Log lines") : OPERATIONS.index("## Metrics")]
    documented = set(re.findall(r"`([a-z]+\.[a-z_]+|vitals|digest|library|log)`", table))
    table_of = "the table of log lines in docs/OPERATIONS.md"
    assert used - documented == set(), f"add these to {table_of}"
    assert documented - used - {"log"} == set(), f"remove these from {table_of}"


def test_every_check_is_in_the_runbook() -> None:
    named = {check.name for check in checks.evaluate(HEALTHY)}
    assert named == set(re.findall(r"^### (\w+)$", OPERATIONS, re.MULTILINE))


def test_the_thresholds_in_the_runbook_are_those_of_the_checks() -> None:
    for figure in (
        f"`warning` after {checks.UNSENT_WARNING_SECONDS} s behind",
        f"`error` after {checks.UNSENT_ERROR_SECONDS // 60} min",
        f"no stream for {checks.DISCONNECTED_WARNING_SECONDS} s (warning)",
        f"or {checks.DISCONNECTED_ERROR_SECONDS // 60} min (error) in a session",
        f"no tick for {checks.SILENT_WARNING_SECONDS} s (warning), {checks.SILENT_ERROR_SECONDS // 60} min (error)",
        f"`warning` at {checks.WAL_WARNING_BYTES // 10**6} MB, `error` at {checks.WAL_ERROR_BYTES // 10**6} MB",
        f"below {checks.DISK_ERROR_BYTES // 10**6} MB or {checks.DISK_ERROR_DAYS} days",
        f"{checks.GAP_WARNING_SECONDS} s or more of today's session",
        f"more than {checks.LAG_WARNING_EVENTS:,} events",
    ):
        assert figure in OPERATIONS, figure


def test_every_exit_code_is_in_the_runbook() -> None:
    codes = {0, 1, 2, 130}
    pending = [errors.TicktapeError]
    while pending:
        kind = pending.pop()
        codes.add(kind.exit_code if isinstance(kind.exit_code, int) else 1)
        pending += kind.__subclasses__()
    table = OPERATIONS[OPERATIONS.index("## Exit codes") : OPERATIONS.index("## The weekly login")]
    assert set(map(int, re.findall(r"^\| (\d+) \|", table, re.MULTILINE))) == codes


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_files_exist(path: Path) -> None:
    text = path.read_text()
    targets = {target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target}
    missing = {target for target in targets if target and not (path.parent / target).exists()}
    named = re.findall(rf"`((?:{'|'.join((*ROOMS, 'docs', 'deploy', 'benchmarks', 'tests'))})/[\w./-]+)`", text)
    missing |= {name for name in named if not (REPOSITORY / name).exists()}
    assert missing == set()


def test_public_modules_say_what_they_are_for() -> None:
    assert [str(path) for path in SOURCES if not inspect.cleandoc(path.read_text()).startswith('"""')] == []
