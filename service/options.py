"""Options that many commands share."""

from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Directory of events.db and state.db.", show_default="DATA_DIR")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
