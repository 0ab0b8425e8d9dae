"""`ticktape status`, `verify`, `replicate` and `deadletters`: what has reached the destination, and what has not."""

import asyncio
from typing import Annotated, Any

import msgspec
import typer

from eventlog import clock as clock_module
from eventlog import database
from eventlog.errors import UsageError
from replicator import deadletters
from replicator.deadletters import DeadLetter
from service import options, work
from service import settings as settings_module
from service.commands import log_show, replicator_status
from service.settings import Settings

Table = Annotated[str | None, typer.Option(help="Only this table.", show_default="all tables")]
Ticker = Annotated[str | None, typer.Option(help="Only this ticker.", show_default="all tickers")]
Since = Annotated[str | None, typer.Option(help="From: 2026-11-20, 2026-11-20T14:30:00Z, 15m, 2h, 3d.")]
Ids = Annotated[list[int] | None, typer.Argument(help="Numbers from `deadletters list`.")]
All = Annotated[bool, typer.Option("--all", help="All of them.")]

_letters = typer.Typer(help="Rows that the destination refused for good.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("status")(replicator_status.status)
    app.command("verify")(verify)
    app.command("replicate")(replicate)
    for name, command in (("list", list_letters), ("show", show), ("retry", retry), ("drop", drop)):
        _letters.command(name)(command)
    app.add_typer(_letters, name="deadletters")


def verify(
    since: Since = None,
    until: Annotated[str | None, typer.Option(help="Up to, not included.")] = None,
    ticker: Ticker = None,
    table: Table = None,
    repair: Annotated[bool, typer.Option("--repair", help="Send what is missing or different.")] = False,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> int:
    """Compare the destination with the log, row by row, without a download. Example: ticktape verify --since 3d."""
    args = _scope(table, ticker, since) | {"repair": repair}
    if until:
        args["until_us"] = log_show.parse_time(until, clock_module.SystemClock().now_us())
    answer = work.perform_with_bar(settings_module.load(data_dir=data_dir), "verify", args, "comparing hours")
    lines = list(map(_verdict, answer["tables"]))
    if answer["since_us"] > args["since_us"]:
        lines.insert(0, f"compared since {log_show.iso(answer['since_us'])}: what is older was pruned from the log")
    _print(answer, "\n".join(lines), as_json)
    return 0 if all(report["agrees"] or _is_mended(report) for report in answer["tables"]) else 1


def _is_mended(report: dict[str, Any]) -> bool:
    return bool(report["repaired"] == report["missing"] + report["different"] and not report["only_remote"])


def _verdict(report: dict[str, Any]) -> str:
    head = f"{report['table']:<18} {report['rows']} rows in {report['hours']} hours: "
    if report["agrees"]:
        return head + "equal"
    text = f"{report['missing']} missing, {report['different']} different, {report['only_remote']} only there"
    examples = "".join(f"\n    {key}" for key in report["examples"])
    refused = f", {report['refused']} refused" if report["refused"] else ""
    return f"{head}{text}, {report['repaired']} repaired{refused}{examples}"


def replicate(
    from_start: Annotated[bool, typer.Option("--from-start", help="The whole history, up to what was sent.")] = False,
    table: Table = None,
    ticker: Ticker = None,
    since: Since = None,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> int:
    """Deliver the history again; rows that are there stay. Example: ticktape replicate --from-start --ticker QQQ."""
    if not from_start:
        raise UsageError("say --from-start: the history is delivered again (what is new goes out by itself)")
    args = _scope(table, ticker, since)
    answer = work.perform_with_bar(settings_module.load(data_dir=data_dir), "replicate", args, "replicating")
    lines = [
        f"{report['table']:<18} {report['acknowledged']} rows acknowledged, {report['refused']} refused"
        for report in answer["tables"]
    ]
    _print(answer, "\n".join(lines), as_json)
    return 0


def list_letters(table: Table = None, data_dir: options.DataDir = None, as_json: options.Json = False) -> int:
    """The dead letters, one a line. Example: ticktape deadletters list --table equity_data."""
    letters = asyncio.run(_find(settings_module.load(data_dir=data_dir), table, ()))
    lines = [
        f"{letter.id:>6}  {log_show.iso(letter.dead_us)}  {letter.table:<18} seq {letter.seq:<10} {letter.reason}"
        for letter in letters
    ]
    _print(msgspec.to_builtins(letters), "\n".join(lines) or "no dead letters", as_json)
    return 0


def show(
    number: Annotated[int, typer.Argument(help="Number from `deadletters list`.")],
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> int:
    """One dead letter with its row. Example: ticktape deadletters show 3."""
    (letter,) = asyncio.run(_find(settings_module.load(data_dir=data_dir), None, (number,)))
    fields = msgspec.to_builtins(letter) | {"dead_at": log_show.iso(letter.dead_us)}
    _print(fields, "\n".join(f"{name:<12} {value}" for name, value in fields.items()), as_json)
    return 0


def retry(
    numbers: Ids = None,
    every: All = False,
    table: Table = None,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> int:
    """Send dead letters once more, after the destination was mended. Example: ticktape deadletters retry --all."""
    args = _chosen(numbers, every, table)
    answer = work.perform_with_bar(settings_module.load(data_dir=data_dir), "deadletters_retry", args, "retrying")
    _print(answer, f"{answer['delivered']} delivered, {answer['refused']} refused again", as_json)
    return 0 if answer["refused"] == 0 else 1


def drop(
    numbers: Ids = None,
    every: All = False,
    table: Table = None,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> int:
    """Give dead letters up; their events stay in the log. Example: ticktape deadletters drop 3 4."""
    args = _chosen(numbers, every, table)
    answer = work.perform_with_bar(settings_module.load(data_dir=data_dir), "deadletters_drop", args, "dropping")
    _print(answer, f"{answer['dropped']} dropped", as_json)
    return 0


def _chosen(numbers: list[int] | None, every: bool, table: str | None) -> dict[str, Any]:
    if not numbers and not every and table is None:
        raise UsageError("name dead letters by number, or say --table or --all")
    return {"ids": numbers or [], "table": table}


def _scope(table: str | None, ticker: str | None, since: str | None) -> dict[str, Any]:
    since_us = log_show.parse_time(since, clock_module.SystemClock().now_us()) if since else 0
    return {"table": table, "ticker": ticker, "since_us": since_us}


async def _find(settings: Settings, table: str | None, ids: tuple[int, ...]) -> list[DeadLetter]:
    state = await database.open_reader(replicator_status.state_path(settings.data_dir))
    try:
        return await deadletters.find(state, table, ids)
    finally:
        await state.close()


def _print(answer: Any, text: str, as_json: bool) -> None:
    print(msgspec.json.encode(answer).decode() if as_json else text)
