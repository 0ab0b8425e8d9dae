"""`ticktape page`: the live page for a static host."""

from pathlib import Path
from typing import Annotated

import typer

from eventlog.errors import UsageError
from service import settings as settings_module
from service.commands import outputs
from service.web import static_host


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("page")(page)


def page(
    out: Annotated[Path, typer.Option(help="Folder to write; it is made when missing.")],
    key: Annotated[str, typer.Option(help="Publishable (or anon) key, which may only read.")],
    url: Annotated[str | None, typer.Option(help="https://<project>.supabase.co", show_default="SUPABASE_URL")] = None,
    ticker: Annotated[str | None, typer.Option(help="Tickers, comma-separated.", show_default="STREAM_TICKER")] = None,
) -> int:
    """Write the live page for Vercel or any static host. Example: ticktape page --out site --key sb_publishable_..."""
    settings = settings_module.load(supabase_url=url, stream_ticker=ticker)
    if not settings.supabase_url:
        raise UsageError("SUPABASE_URL is missing: set it, or give --url https://<project>.supabase.co")
    has_options = settings.options_0dte or bool(settings.option_symbols)
    with outputs.to(out):
        static_host.write(out, settings.supabase_url, key, settings.stream_ticker, has_options)
    print(f"{out}: ready to deploy, such as with `npx vercel deploy --prod {out}` (docs/FRONTEND.md)")
    return 0
