"""The only door to schwab-py and the Authlib below it: sources, clients, streams, logins.

What these libraries raise is translated into `feed.errors` here.
"""

from feed.schwab.client import SCHWAB_URL, Client
from feed.schwab.login import LoginRequest, begin_login, browser_login, finish_login
from feed.schwab.source import LiveSource, SimulatedSource, Source
from feed.schwab.stream import Stream, Tap

__all__ = [
    "SCHWAB_URL",
    "Client",
    "LiveSource",
    "LoginRequest",
    "SimulatedSource",
    "Source",
    "Stream",
    "Tap",
    "begin_login",
    "browser_login",
    "finish_login",
]
