"""The page as a folder for a static host: the same files, told to read from Supabase, and the headers they need."""

import base64
import binascii
import json
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from eventlog.errors import UsageError

STATIC = Path(__file__).parent / "static"
CONFIG_BEGINS = 'export const config = {\n  "source": "supabase",'
"""By this the page's own config.js is known again."""


def write(folder: Path, supabase_url: str, publishable_key: str, tickers: tuple[str, ...], has_options: bool) -> None:
    """Write the page into `folder`, which must be new, empty, or an earlier page.

    Raises UsageError for a key that may write, for an address that is none, and for a folder with other files.
    """
    origin = _origin(supabase_url)
    _refuse_secret(publishable_key)
    _refuse_other_files(folder)
    is_new = not folder.exists()
    try:
        _fill(folder, origin, publishable_key, tickers, has_options)
    except OSError:
        if is_new:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _refuse_other_files(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out {folder} is a file: choose an empty or new folder")
    if folder.exists() and any(folder.iterdir()) and not _is_page(folder):
        raise UsageError(f"--out {folder} holds other files: choose an empty or new folder")


def _is_page(folder: Path) -> bool:
    """Whether an earlier call wrote `folder`: many a site has a config.js and an index.html of its own."""
    try:
        return (folder / "config.js").read_text(errors="replace").startswith(CONFIG_BEGINS)
    except FileNotFoundError:
        return False


def _fill(folder: Path, origin: str, publishable_key: str, tickers: tuple[str, ...], has_options: bool) -> None:
    shutil.copytree(STATIC, folder, dirs_exist_ok=True)
    config = {
        "source": "supabase",
        "url": origin,
        "key": publishable_key,
        "tickers": tickers,
        "options": has_options,
    }
    (folder / "config.js").write_text(f"export const config = {json.dumps(config, indent=2)};\n")
    headers = _headers(origin)
    vercel = {"headers": [{"source": "/(.*)", "headers": [{"key": k, "value": v} for k, v in headers.items()]}]}
    (folder / "vercel.json").write_text(json.dumps(vercel, indent=2) + "\n")
    (folder / "_headers").write_text("/*\n" + "".join(f"  {name}: {value}\n" for name, value in headers.items()))


def _headers(origin: str) -> dict[str, str]:
    socket = origin.replace("http", "ws", 1)
    return {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
            f"connect-src 'self' {origin} {socket}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        raise UsageError("SUPABASE_URL: https://<project>.supabase.co is expected")
    return f"{parts.scheme}://{parts.netloc}"


def _refuse_secret(key: str) -> None:
    if key.startswith("sb_publishable_") or _role(key) == "anon":
        return
    raise UsageError(
        "the page is public, so it takes the publishable key (sb_publishable_...) or the anon key, never a secret one: "
        "Supabase shows it under Project Settings, API keys"
    )


def _role(token: str) -> str:
    try:
        payload = token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["role"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return ""
