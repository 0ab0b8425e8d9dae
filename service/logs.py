"""Where log lines go and how they look."""

import sys

from loguru import logger

from service.settings import Settings

_TEXT = "{time:YYYY-MM-DDTHH:mm:ss.SSS!UTC}Z {level:<7} {message}"


def configure(settings: Settings) -> None:
    """Send log lines to stdout: JSON for machines, text for people."""
    logger.remove()
    logger.add(
        sys.stdout, level=settings.log_level, serialize=settings.log_format == "json", format=_TEXT, diagnose=False
    )


def silence() -> None:
    """Only errors, on stderr: for commands that draw the screen themselves."""
    logger.remove()
    logger.add(sys.stderr, level="ERROR", format=_TEXT, diagnose=False)
