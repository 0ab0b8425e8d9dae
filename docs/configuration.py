"""Writes docs/CONFIGURATION.md from the settings: `python docs/configuration.py`. A test keeps the two equal."""

import sys
import typing
from pathlib import Path
from types import NoneType, UnionType

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from service.settings import Settings

HEAD = """# Settings

Each is an environment variable, or a line `NAME=value` in the file `.env` of the working directory; the environment
wins. An empty value counts as not given. `env.template` has all of them, ready to be filled in. A wrong one stops the
start with one line that names it, and `ticktape doctor` tells before. This file is made from the program's own settings
by `python docs/configuration.py`.
"""

TABLE = "| setting | value | default | meaning |\n|---|---|---|---|"

SECTIONS = {
    "What it needs": (
        "stream_ticker",
        "schwab_app_key",
        "schwab_app_secret",
        "supabase_url",
        "supabase_service_role_key",
    ),
    "Shipping": ("batch_size", "batch_interval", "destination", "postgres_dsn"),
    "Schwab": ("schwab_callback_url", "schwab_token_path", "schwab_url"),
    "What is recorded": (
        "session",
        "skip_market_hours",
        "sma_interval",
        "indicators",
        "options_0dte",
        "options_strikes",
        "option_symbols",
    ),
    "The machine": (
        "data_dir",
        "retention_days",
        "health_host",
        "health_port",
        "shutdown_seconds",
        "log_level",
        "log_format",
    ),
    "Alerts": (
        "alert_webhook",
        "alert_format",
        "smtp_host",
        "smtp_port",
        "smtp_security",
        "smtp_user",
        "smtp_password",
        "smtp_from",
        "smtp_to",
    ),
}


def render() -> str:
    """The whole document."""
    parts = [HEAD]
    for title, names in SECTIONS.items():
        lines = [_line(name, Settings.model_fields[name]) for name in names]
        parts.append("\n".join([f"## {title}\n", TABLE, *lines, ""]))
    missing = Settings.model_fields.keys() - {name for names in SECTIONS.values() for name in names}
    if missing:
        raise SystemExit(f"docs/configuration.py: no section for {', '.join(sorted(missing))}")
    return "\n".join(parts)


def _line(name: str, field: FieldInfo) -> str:
    return f"| `{name.upper()}` | {_values(field)} | {_default(field)} | {_text(field)} |"


def _text(field: FieldInfo) -> str:
    return (field.description or "").replace("<", "&lt;").replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, tuple):
        value = ",".join(value)
    if isinstance(value, bool):
        value = str(value).lower()
    return "" if value in ("", None) else f"`{value}`"


def _values(field: FieldInfo) -> str:
    kind = field.annotation
    if typing.get_origin(kind) is typing.Literal:
        return " or ".join(f"`{value}`" for value in typing.get_args(kind))
    if typing.get_origin(kind) in (UnionType, typing.Union):
        (kind,) = (part for part in typing.get_args(kind) if part is not NoneType)
    if typing.get_origin(kind) is tuple:
        return "list, by commas"
    names = {bool: "`true` or `false`", int: "whole number", float: "number", SecretStr: "secret", Path: "path"}
    return names.get(typing.cast(type, kind), "text") + _bounds(field)


def _bounds(field: FieldInfo) -> str:
    least = next((part.ge for part in field.metadata if hasattr(part, "ge")), None)
    above = next((part.gt for part in field.metadata if hasattr(part, "gt")), None)
    most = next((part.le for part in field.metadata if hasattr(part, "le")), None)
    said = [f"from {least}" if least is not None else f"above {above}" if above is not None else ""]
    said.append(f"to {most:,}" if most is not None else "")
    return "".join(f" {part}" for part in said if part)


if __name__ == "__main__":
    Path(__file__).with_name("CONFIGURATION.md").write_text(render())
    sys.exit(0)
