"""schwab-py and what it stands on, imported once and without its warnings."""

import logging
import warnings

with warnings.catch_warnings():
    # These libraries warn at import of choices that schwab-py made; nobody who reads our log can act on it. Importing
    # authlib.deprecate puts a filter before ours, unless it is done first.
    import authlib.deprecate  # noqa: F401

    warnings.simplefilter("ignore")
    import schwab.contrib.util  # set_json_decoder fails unless this was imported
    import schwab.streaming
    import websockets.exceptions as websockets_exceptions
    from authlib.integrations.base_client import OAuthError
    from schwab import auth

for _name in ("schwab", "authlib", "httpx", "httpcore", "websockets"):
    # Below WARNING they log requests and frames, tokens included.
    logging.getLogger(_name).setLevel(logging.WARNING)

streaming = schwab.streaming
StreamJsonDecoder = schwab.contrib.util.StreamJsonDecoder

__all__ = ["OAuthError", "StreamJsonDecoder", "auth", "streaming", "websockets_exceptions"]
