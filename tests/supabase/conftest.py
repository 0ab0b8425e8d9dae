"""The two clients dashboards and ticktape are: the anonymous one and the service role's."""

from collections.abc import AsyncIterator

import httpx
import pytest
import supabase

from tests.servers.lite import Lite


async def _client(url: str, key: str, http: httpx.AsyncClient) -> supabase.AsyncClient:
    return await supabase.acreate_client(url, key, supabase.AsyncClientOptions(httpx_client=http))


@pytest.fixture
async def service(lite: Lite) -> AsyncIterator[supabase.AsyncClient]:
    """A client with the service role's key."""
    async with httpx.AsyncClient(timeout=30) as http:
        yield await _client(lite.url, lite.service_key, http)


@pytest.fixture
async def anonymous(lite: Lite) -> AsyncIterator[supabase.AsyncClient]:
    """A client with the publishable key, as a dashboard has it."""
    async with httpx.AsyncClient(timeout=30) as http:
        yield await _client(lite.url, lite.anon_key, http)
