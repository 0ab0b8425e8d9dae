"""The interactive login: what is wrong with a pasted answer, and what to do about it. The service never comes here."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from feed import errors, schwab, token

_ADVICE = {
    "invalid_grant": "the code has expired (it lives for half a minute) or was used before: run the command again, "
    "and paste the address as soon as the browser shows it",
    "access_denied": "access was not allowed on Schwab's page: log in again and allow it",
    "invalid_client": "app key and secret do not belong together, or the app is not 'Ready For Use' yet: compare both "
    "with the developer portal; a new app takes some days to be approved",
    "redirect_uri_mismatch": "SCHWAB_CALLBACK_URL is not the callback URL of the app: compare to the letter",
}
_SAME_AS = {
    "unauthorized_client": "invalid_client",
    "invalid_request": "invalid_grant",
    "unsupported_token_type": "invalid_grant",
}


def check_answer(request: schwab.LoginRequest, answer_url: str) -> None:
    """Raise LoginFailedError, saying what is wrong with the pasted address, unless it can be an answer to `request`."""
    answer, callback = urlsplit(answer_url.strip()), urlsplit(request.callback_url)
    if not answer.scheme or not answer.netloc:
        raise errors.LoginFailedError("that is no address: paste all of the browser's address bar, https:// included")
    query = parse_qs(answer.query)
    if "error" in query:
        raise errors.LoginFailedError(advice(query["error"][0]), query["error"][0])
    shown, expected = answer._replace(query="", fragment="").geturl(), request.callback_url
    if (answer.scheme, answer.netloc, answer.path or "/") != (callback.scheme, callback.netloc, callback.path or "/"):
        raise errors.LoginFailedError(
            f"callback mismatch: the answer came to {shown}, SCHWAB_CALLBACK_URL is {expected}; "
            "make setting and app agree to the letter, trailing slash included"
        )
    if "code" not in query:
        raise errors.LoginFailedError("the address carries no code: paste all of it, up to its end")
    if query.get("state") != [request.state]:
        raise errors.LoginFailedError("the address belongs to another login attempt: use the URL printed last")


def advice(oauth_error: str) -> str:
    """What an OAuth error of Schwab's most likely means."""
    return _ADVICE.get(_SAME_AS.get(oauth_error, oauth_error), "Schwab refused the login: run the command again")


def finish(
    app_key: SecretStr,
    app_secret: SecretStr,
    request: schwab.LoginRequest,
    answer_url: str,
    token_path: Path,
    base_url: str = schwab.SCHWAB_URL,
) -> None:
    """Check the answer, trade it for a token and write the token file. Raises LoginFailedError, UnreachableError."""
    check_answer(request, answer_url)
    try:
        content = schwab.finish_login(app_key, app_secret, request, answer_url.strip(), base_url)
    except errors.LoginFailedError as error:
        raise errors.LoginFailedError(advice(error.oauth_error or ""), error.oauth_error) from error
    except errors.StreamerCodeError as error:
        raise errors.LoginFailedError(advice("invalid_client"), "HTTP 401") from error
    token.write(token_path, content)
