"""The two ways to a new token: a pasted answer, or a browser on this machine."""

import contextlib
import time
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from pydantic import SecretStr

from feed import token
from feed.errors import LoginFailedError, UnreachableError
from feed.schwab.client import HTTP_TIMEOUT_SECONDS, SCHWAB_URL, redirect_request
from feed.schwab.library import OAuthError, auth
from feed.schwab.translation import status_error


class LoginRequest(NamedTuple):
    """A login that was begun: the page to visit, and the state its answer must carry."""

    url: str
    state: str
    callback_url: str


def begin_login(app_key: SecretStr, callback_url: str, base_url: str = SCHWAB_URL) -> LoginRequest:
    """The page where a person allows the app access."""
    context = auth.get_auth_context(app_key.get_secret_value(), callback_url)
    return LoginRequest(context.authorization_url.replace(SCHWAB_URL, base_url, 1), context.state, callback_url)


def finish_login(
    app_key: SecretStr, app_secret: SecretStr, request: LoginRequest, answer_url: str, base_url: str = SCHWAB_URL
) -> dict[str, Any]:
    """Trade the code in `answer_url` for the content of a token file, as schwab-py's client_from_received_url does.

    Raises LoginFailedError whose `error` is OAuth's, or UnreachableError.
    """
    key, secret = app_key.get_secret_value(), app_secret.get_secret_value()
    with auth.OAuth2Client(key, redirect_uri=request.callback_url, timeout=HTTP_TIMEOUT_SECONDS) as session:
        if base_url != SCHWAB_URL:
            session.event_hooks = {"request": [lambda outgoing: redirect_request(outgoing, base_url)]}
        try:
            with _translated():
                granted = session.fetch_token(
                    auth.TOKEN_ENDPOINT,
                    authorization_response=answer_url,
                    client_id=key,
                    auth=(key, secret),
                    state=request.state,
                )
        except httpx.HTTPStatusError as error:
            raise status_error(error.response) from None
        except (httpx.HTTPError, OSError, ValueError) as error:
            raise UnreachableError(f"Schwab cannot be reached ({type(error).__name__})") from None
    return {"creation_timestamp": int(time.time()), "token": dict(granted)}


def browser_login(app_key: SecretStr, app_secret: SecretStr, callback_url: str, token_path: Path) -> None:
    """Log in with a browser on this machine, which schwab-py opens. Raises LoginFailedError."""
    try:
        with _translated():
            auth.client_from_login_flow(
                app_key.get_secret_value(),
                app_secret.get_secret_value(),
                callback_url,
                str(token_path),
                interactive=False,
                token_write_func=lambda content, *_, **__: token.write(token_path, content),
            )
    except auth.RedirectTimeoutError:
        raise LoginFailedError("nobody logged in within five minutes; run `ticktape login --browser` again") from None
    except (ValueError, auth.RedirectServerExitedError, webbrowser.Error, OSError, httpx.HTTPError) as error:
        raise LoginFailedError(
            f"the browser login needs a browser and a callback URL such as https://127.0.0.1:8182 ({error}); "
            "run `ticktape login` without --browser instead"
        ) from None


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OAuthError as error:
        raise LoginFailedError("Schwab refused the login", str(error.error)) from None
