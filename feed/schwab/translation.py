"""What schwab-py, Authlib, httpx and websockets raise, as errors of the feed."""

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx

from feed.errors import LoginNeededError, ProtocolError, StreamClosedError, StreamerCodeError, UnreachableError
from feed.schwab.library import OAuthError, streaming, websockets_exceptions

LOGIN_DENIED = 3


@contextlib.contextmanager
def translated(request: str = "") -> Iterator[None]:
    """Raise what the libraries raise as errors of the feed. Messages never quote an answer: it may hold a token."""
    try:
        yield
    except (streaming.UnexpectedResponseCode, streaming.UnexpectedResponse) as error:
        raise code_error(error.response, request) from None
    except streaming.UnparsableMessage:
        raise ProtocolError(f"the answer to {request} could not be read") from None
    except websockets_exceptions.ConnectionClosed as error:
        raise closed_error(error) from None
    except OAuthError as error:
        if error.error in ("server_error", "temporarily_unavailable"):
            raise UnreachableError(f"Schwab cannot refresh the token now ({error.error})") from None
        raise LoginNeededError(f"Schwab refuses the refresh token ({error.error}); run `ticktape login`") from None
    except httpx.HTTPStatusError as error:
        raise status_error(error.response) from None
    except (httpx.HTTPError, OSError, TimeoutError, websockets_exceptions.WebSocketException) as error:
        raise UnreachableError(f"Schwab cannot be reached ({type(error).__name__}: {error})") from None
    except (AssertionError, TypeError, KeyError, ValueError, AttributeError, IndexError) as error:
        raise ProtocolError(f"an answer of Schwab could not be read ({type(error).__name__})") from None


def status_error(response: httpx.Response) -> Exception:
    what = f"{response.request.url.path} answered HTTP {response.status_code}"
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return StreamerCodeError(LOGIN_DENIED, what)
    return UnreachableError(what)


def closed_error(error: Any) -> StreamClosedError:
    close = error.rcvd or error.sent
    return StreamClosedError(1006 if close is None else close.code, "" if close is None else close.reason)


def code_error(response: Any, request: str) -> Exception:
    try:
        content = response["response"][0]["content"]
        return StreamerCodeError(int(content["code"]), str(content.get("msg", ""))[:200], request)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return ProtocolError(f"the answer to {request or 'nothing'} could not be read")
