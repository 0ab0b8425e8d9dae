"""`ticktape database`: the demo's PostgreSQL after the demo, for psql and dashboards."""

import signal
import threading

import typer

from eventlog.errors import UsageError
from replicator import embedded
from service import directory, options
from service import settings as settings_module


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("database")(database)


def database(data_dir: options.DataDir = None) -> None:
    """Serve the demo's PostgreSQL until Ctrl-C and print its URI. Example: ticktape database --data-dir data."""
    settings = settings_module.load(data_dir=data_dir)
    if not (settings.data_dir / "postgres").is_dir():
        raise UsageError(f"{settings.data_dir} holds no demo database: run `ticktape demo` first, or name another")
    with directory.held_for_recording(settings.data_dir, "simulated"):
        server = embedded.start(settings.data_dir)
        try:
            print(server.dsn, flush=True)
            _wait_for_signal()
        finally:
            server.stop()


def _wait_for_signal() -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
