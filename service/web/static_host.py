"""The page as a folder for a static host: the same files, told to read from Supabase, and the headers they need."""

import base64
import binascii
import json
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from eventlog.errors import UsageError

STATIC = Path(__file__).parent / "static"


def write(folder: Path, supabase_url: str, publishable_key: str, tickers: tuple[str, ...], has_options: bool) -> None:
    """Write the page into `folder`, which must be new, empty, or an earlier page.

    Raises UsageError for a key that may write, for an address that is none, and for a folder with other files.
    """
    origin = _origin(supabase_url)
    _refuse_secret(publishable_key)
    if folder.exists() and any(folder.iterdir()) and not (folder / "config.js").exists():
        raise UsageError(f"--out {folder} holds other files: choose an empty or new folder")
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
