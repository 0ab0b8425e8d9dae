"""Where clients come from: the live account, or a simulated exchange."""

import contextlib
import time
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr

from feed import token
from feed.errors import LoginNeededError
from feed.schwab.client import SCHWAB_URL, Client, open_client


class Source(Protocol):
    """Where clients come from. Another client is made for every connection, so that a new token file is picked up."""

    def client(self) -> Client:
        """A client with the present token. Raises LoginNeededError."""

    def token_age_seconds(self) -> float | None:
        """The age of the refresh token, None when there is none or it does not age."""

    def token_stamp(self) -> object:
        """A value that changes when there is a new token."""


class LiveSource:
    """Clients of the account whose token lies at `token_path`; refreshed tokens are written back there.

    `base_url` points them at a simulated exchange instead of Schwab.
    """

    def __init__(self, app_key: SecretStr, app_secret: SecretStr, token_path: Path, base_url: str = SCHWAB_URL) -> None:
        self._app_key = app_key
        self._app_secret = app_secret
        self._token_path = token_path
        self._base_url = base_url

    def client(self) -> Client:
        try:
            content = token.read(self._token_path)
        except token.TokenFileError as error:
            raise LoginNeededError(str(error)) from error
        return open_client(self._app_key, self._app_secret, content, self._write_token, self._base_url)

    def token_age_seconds(self) -> float | None:
        try:
            return time.time() - float(token.read(self._token_path)["creation_timestamp"])
        except token.TokenFileError:
            return None

    def token_stamp(self) -> object:
        return token.stamp(self._token_path)

    def _write_token(self, content: dict[str, Any], *_: Any, **__: Any) -> None:
        # A client that was made before a new login must not put its old refresh token over the new one.
        with contextlib.suppress(token.TokenFileError):
            if token.read(self._token_path)["creation_timestamp"] > content["creation_timestamp"]:
                return
        token.write(self._token_path, content)


class SimulatedSource:
    """Clients of a simulated exchange at `url`. It needs no credentials."""

    def __init__(self, url: str) -> None:
        self._url = url

    def client(self) -> Client:
        lasting = {"access_token": "simulated", "refresh_token": "simulated", "token_type": "Bearer"}
        content = {"creation_timestamp": int(time.time()), "token": lasting | {"expires_at": int(time.time()) + 86_400}}
        secret = SecretStr("simulated")
        return open_client(secret, secret, content, lambda *_, **__: None, self._url)

    def token_age_seconds(self) -> float | None:
        return None

    def token_stamp(self) -> object:
        return None
