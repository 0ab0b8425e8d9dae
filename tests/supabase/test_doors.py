"""Who may do what: a walk over everything in the schema public, so that something new without policy and grant fails.

Whatever is not named in SERVICE_FUNCTIONS everybody may read or call, and nobody but the service role may write.
"""

from typing import Any

import pytest
import supabase
from postgrest.exceptions import APIError

from replicator import embedded, migrate
from tests.servers import postgres
from tests.servers.lite import Lite

# Functions only the service role may call; all others read, and everybody may call them.
SERVICE_FUNCTIONS = {
    "cleanup_old_equity_data",
    "cleanup_old_rows",
    "database_usage",
    "refresh_equity_stats",
    "replication_digest",
}
# The one function that runs with its owner's rights, because only the owner may refresh a materialized view.
DEFINERS = {"refresh_equity_stats"}
READERS = ("anon", "authenticated")

_RELATIONS = """
select relname, relkind::text, relrowsecurity, reloptions from pg_class where relnamespace = 'public'::regnamespace
"""
_FUNCTIONS = """
select oid::regprocedure::text as signature, proname, prosecdef, provolatile::text, proconfig, proacl::text
from pg_proc where pronamespace = 'public'::regnamespace
"""


async def fetch(dsn: str, sql: str, *arguments: Any) -> list[Any]:
    async with postgres.connected(dsn) as connection:
        return list(await connection.fetch(sql, *arguments))


async def relations(dsn: str, kinds: str) -> list[Any]:
    found = [row for row in await fetch(dsn, _RELATIONS) if row["relkind"] in kinds]
    assert found, kinds
    return found


async def may(dsn: str, role: str, table: str, right: str) -> bool:
    return bool((await fetch(dsn, "select has_table_privilege($1, $2, $3)", role, f"public.{table}", right))[0][0])


async def test_every_table_has_row_security_and_two_policies(database: str) -> None:
    for table in await relations(database, "rpf"):
        assert table["relrowsecurity"], table["relname"]
        sql = "select roles::text[], cmd, qual, with_check from pg_policies where schemaname='public' and tablename=$1"
        policies = {tuple(sorted(row["roles"])): tuple(row)[1:] for row in await fetch(database, sql, table["relname"])}
        expected = {("service_role",): ("ALL", "true", "true"), READERS: ("SELECT", "true", None)}
        assert policies == expected, table["relname"]


async def test_every_table_is_written_by_the_service_role_and_read_by_all(database: str) -> None:
    for table in await relations(database, "rpf"):
        for role in READERS:
            rights = {right for right in _RIGHTS if await may(database, role, table["relname"], right)}
            assert rights == {"SELECT"}, (role, table["relname"])
        rights = {right for right in _RIGHTS if await may(database, "service_role", table["relname"], right)}
        assert rights == {"SELECT", "INSERT", "UPDATE", "DELETE"}, table["relname"]


_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")


async def test_every_view_asks_as_its_reader_and_is_read_by_all(database: str) -> None:
    for view in await relations(database, "vm"):
        for role in (*READERS, "service_role"):
            rights = {right for right in _RIGHTS if await may(database, role, view["relname"], right)}
            assert rights == {"SELECT"}, (role, view["relname"])
        if view["relkind"] == "v":
            assert "security_invoker=true" in view["reloptions"], view["relname"]


async def test_every_function_is_granted_by_name_with_a_fixed_search_path(database: str) -> None:
    functions = await fetch(database, _FUNCTIONS)
    assert {row["proname"] for row in functions} >= SERVICE_FUNCTIONS
    for function in functions:
        name = function["proname"]
        assert 'search_path=""' in (function["proconfig"] or []), name
        assert function["prosecdef"] == (name in DEFINERS), name
        assert function["proacl"] is not None and not function["proacl"].startswith("{="), f"PUBLIC may call {name}"
        assert ",=" not in function["proacl"], f"PUBLIC may call {name}"
        for role in (*READERS, "service_role"):
            sql = "select has_function_privilege($1, $2, 'EXECUTE')"
            allowed = (await fetch(database, sql, role, f"public.{function['signature']}"))[0][0]
            assert allowed == (role == "service_role" or name not in SERVICE_FUNCTIONS), (role, name)
        assert name in SERVICE_FUNCTIONS or function["provolatile"] in "si", f"{name} may write: who may call it?"


async def test_nothing_is_left_to_public(database: str) -> None:
    sql = """
    select relname from pg_class, aclexplode(relacl) as acl
    where relnamespace = 'public'::regnamespace and acl.grantee = 0
    union all
    select typname from pg_type, aclexplode(coalesce(typacl, acldefault('T', typowner))) as acl
    where typnamespace = 'public'::regnamespace and typtype = 'c' and acl.grantee = 0
        and typrelid in (select oid from pg_class where relkind = 'c')
    """
    assert await fetch(database, sql) == []


ROWS: dict[str, dict[str, Any]] = {
    "equity_data": {"ticker": "QQQ", "timestamp": "2026-11-20T15:00:00+00:00", "price": 225.84, "volume": 7},
    "indicators": {"ticker": "QQQ", "timestamp": "2026-11-20T15:00:00+00:00", "sma9": None, "vwap": 0.3},
    "option_prices": {
        "ticker": "QQQ",
        "timestamp": "2026-11-20T15:00:00+00:00",
        "option_type": "CALL",
        "strike_price": 600,
        "expiration_date": "2026-11-20",
    },
    "streaming_metrics": {"ticker": "QQQ", "timestamp": "2026-11-20T15:00:00+00:00", "records_processed": 3},
    "stream_gaps": {
        "ticker": "*",
        "timestamp": "2026-11-20T15:00:00+00:00",
        "ended_at": "2026-11-20T15:01:00+00:00",
        "reason": "closed",
    },
}
CALLS: dict[str, dict[str, Any]] = {
    "bars_1m_between": {"ticker": "QQQ", "since": "2026-11-20T15:00:00Z", "until": "2026-11-20T16:00:00Z"},
    "cleanup_old_equity_data": {"days": 3650},
    "cleanup_old_rows": {"table_name": "stream_gaps", "days": 3650},
    "database_usage": {},
    "easter_sunday": {"year": 2026},
    "get_streaming_health": {"ticker": "QQQ"},
    "indicators_1m_between": {"ticker": "QQQ", "since": "2026-11-20T15:00:00Z", "until": "2026-11-20T16:00:00Z"},
    "market_session": {"day": "2026-11-20"},
    "refresh_equity_stats": {},
    "replication_digest": {
        "table_name": "equity_data",
        "since": "2026-11-20T15:00:00Z",
        "until": "2026-11-20T16:00:00Z",
    },
    "streaming_health_at": {"ticker": "QQQ", "moment": "2026-11-20T15:01:00Z"},
}


async def test_the_service_role_writes_and_reads_everything(lite: Lite, service: supabase.AsyncClient) -> None:
    assert {row["relname"] for row in await relations(lite.dsn, "rpf")} == set(ROWS)
    for table, row in ROWS.items():
        await service.table(table).insert(row).execute()
        await service.table(table).update({"ticker": "SPY"}).eq("ticker", row["ticker"]).execute()
        assert len((await service.table(table).select("*").execute()).data) == 1, table
        await service.table(table).delete().eq("ticker", "SPY").execute()
        assert (await service.table(table).select("*").execute()).data == [], table


async def test_the_anonymous_role_reads_everything_and_writes_nothing(
    lite: Lite, service: supabase.AsyncClient, anonymous: supabase.AsyncClient
) -> None:
    for table, row in ROWS.items():
        await service.table(table).insert(row).execute()
        writes = {
            "insert": anonymous.table(table).insert(row | {"ticker": "SPY"}),
            "upsert": anonymous.table(table).upsert(row),
            "update": anonymous.table(table).update({"ticker": "SPY"}).eq("ticker", row["ticker"]),
            "delete": anonymous.table(table).delete().eq("ticker", row["ticker"]),
        }
        for name, write in writes.items():
            with pytest.raises(APIError) as refused:
                await write.execute()
            assert refused.value.code == "42501", (table, name)
        assert len((await anonymous.table(table).select("*").execute()).data) == 1, table
    for view in await relations(lite.dsn, "vm"):
        await anonymous.table(view["relname"]).select("*").execute()


async def test_functions_through_postgrest(
    lite: Lite, service: supabase.AsyncClient, anonymous: supabase.AsyncClient
) -> None:
    assert {row["proname"] for row in await fetch(lite.dsn, _FUNCTIONS)} == set(CALLS)
    for name, arguments in CALLS.items():
        await service.rpc(name, arguments).execute()
        if name not in SERVICE_FUNCTIONS:
            await anonymous.rpc(name, arguments).execute()
            continue
        with pytest.raises(APIError) as refused:
            await anonymous.rpc(name, arguments).execute()
        assert refused.value.code == "42501", name


async def test_the_doors_are_closed_on_a_project_that_opens_everything_by_default(
    postgres_server: embedded.EmbeddedPostgres, empty_database: str, database: str
) -> None:
    """As on Supabase's older projects: an owner who is no superuser, default privileges for everybody."""
    name = empty_database.partition("?")[0].rpartition("/")[2]
    owner = f"owner_of_{name}"
    async with postgres.connected(empty_database) as connection:
        await connection.execute(
            f"""create role {owner} login nosuperuser;
            alter schema public owner to {owner};
            grant all on database {name} to {owner};
            grant usage on schema public to public;
            alter default privileges for role {owner} in schema public
                grant all on tables to anon, authenticated, service_role;
            alter default privileges for role {owner} in schema public
                grant all on functions to public, anon, authenticated, service_role;"""
        )
    try:
        await migrate.apply(postgres_server.database_dsn(name).replace("postgres@", f"{owner}@"))
        for walk in (
            test_every_table_has_row_security_and_two_policies,
            test_every_table_is_written_by_the_service_role_and_read_by_all,
            test_every_view_asks_as_its_reader_and_is_read_by_all,
            test_every_function_is_granted_by_name_with_a_fixed_search_path,
            test_nothing_is_left_to_public,
        ):
            await walk(empty_database)
        async with postgres.connected(empty_database) as connection:
            await connection.execute("set role service_role")
            await connection.execute("select refresh_equity_stats()")
    finally:
        async with postgres.connected(empty_database) as connection:
            await connection.execute("alter schema public owner to postgres")
            await connection.execute(f"drop owned by {owner} cascade; drop role {owner}")


@pytest.mark.parametrize(
    ("addition", "walk"),
    [
        ("create table added (n integer)", test_every_table_has_row_security_and_two_policies),
        ("create table added (n integer)", test_every_table_is_written_by_the_service_role_and_read_by_all),
        ("create view added as select 1 as n", test_every_view_asks_as_its_reader_and_is_read_by_all),
        (
            "create function added() returns int language sql stable as 'select 1'",
            test_every_function_is_granted_by_name_with_a_fixed_search_path,
        ),
        ("create type added as (n integer)", test_nothing_is_left_to_public),
    ],
    ids=["table without policy", "table without grant", "view", "function", "type"],
)
async def test_the_walk_stumbles_over_what_is_added_without_its_door(database: str, addition: str, walk: Any) -> None:
    async with postgres.connected(database) as connection:
        await connection.execute(addition)

    with pytest.raises(AssertionError):
        await walk(database)
