"""The command line: every command's module registers itself here."""

import importlib
import sys
import tempfile
import traceback
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from eventlog.errors import TicktapeError
from service import redaction

MODULES = ("run", "doctor", "health", "demo", "feed", "replicator", "database", "log", "indicators", "migrate", "page")
# On a small machine one runs all day and the other every minute: they do not pay for what they never use.
ALONE = frozenset({"run", "health"})


def application(command: str) -> typer.Typer:
    """The command line; `command` is the first argument, which may say that the other commands are not needed."""
    app = typer.Typer(
        help="ticktape: the tick recorder one can trust.",
        rich_markup_mode=None,
        add_completion=False,
        no_args_is_help=True,
    )
    app.callback()(_root)
    for name in [command] if command in ALONE else MODULES:
        importlib.import_module(f"service.commands.{name}").register(app)
    return app


def _root() -> None:
    """Record ticks durably, derive indicators, ship rows to Supabase."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; every failure is one line on stderr and an exit code (docs/OPERATIONS.md lists them)."""
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    _settle_temporary_directory()
    try:
        code = application(next(iter(arguments), ""))(arguments, standalone_mode=False)
    except TyperException as error:
        return _fail(error.format_message() or "no command given; see ticktape --help", 2)
    except TicktapeError as error:
        return _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", 130)
    except Exception as error:
        # A bug: whoever reports it needs the traceback, which must not hold a secret.
        print(redaction.redact("".join(traceback.format_exception(error))), file=sys.stderr)
        return _fail(f"{type(error).__name__}: {error} (a bug in ticktape: please report the lines above)", 1)
    return code if isinstance(code, int) else 0


def _settle_temporary_directory() -> None:
    """A library below schwab-py asks for one when it is imported, and none is found where every disk is full."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        tempfile.tempdir = "/tmp"  # noqa: S108 - a name for who asks at import: nothing is written there


def _fail(message: str, code: int) -> int:
    print("ticktape: " + " ".join(redaction.redact(message).split()), file=sys.stderr)
    return code
