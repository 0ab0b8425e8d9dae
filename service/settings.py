"""Every setting, from the environment or `.env`. A wrong one stops the start with one line that names it."""

import urllib.parse
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import pydantic_settings
from pydantic import Field, SecretStr
from pydantic_settings import NoDecode

from eventlog.errors import UsageError
from market.calendar import SessionKind
from service import redaction

MAX_TICKERS = 500

Tickers = Annotated[tuple[str, ...], NoDecode]


class Settings(pydantic_settings.BaseSettings):
    """What ticktape can be told. Field names in capitals are the names of the environment variables."""

    model_config = pydantic_settings.SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True, env_ignore_empty=True
    )

    stream_ticker: Tickers = Field(("QQQ",), description="Tickers to record, comma-separated, at most 500")
    schwab_app_key: SecretStr = Field(SecretStr(""), description="App key from Schwab's developer portal")
    schwab_app_secret: SecretStr = Field(SecretStr(""), description="App secret from Schwab's developer portal")
    supabase_url: str = Field("", description="https://<project>.supabase.co")
    supabase_service_role_key: SecretStr = Field(
        SecretStr(""), description="Service role key: a JWT or sb_secret_..., never the publishable key"
    )

    batch_size: int = Field(1, ge=1, le=100_000, description="Send as soon as so many events are unsent")
    batch_interval: float = Field(1, gt=0, le=3600, description="Send at the latest after so many seconds")
    skip_market_hours: bool = Field(False, description="true: stream always, whatever the calendar says")
    schwab_callback_url: str = Field(
        "https://127.0.0.1:8182", description="Callback URL of the Schwab app, to the letter"
    )
    schwab_url: str = Field(
        "https://api.schwabapi.com", description="Schwab's API; another address only for a simulated exchange"
    )
    schwab_token_path: Path | None = Field(None, description="Token file; default: schwab_token.json in DATA_DIR")
    data_dir: Path = Field(Path("data"), description="Directory of events.db, state.db and the token")
    destination: Literal["supabase", "postgres", "none"] = Field("supabase", description="Where rows are shipped")
    postgres_dsn: SecretStr = Field(SecretStr(""), description="postgresql://..., for DESTINATION=postgres")
    session: SessionKind = Field("regular", description="Session of the indicators and of the feed")
    sma_interval: str = Field("tick", description="tick: every tick is a close; or seconds per bar, such as 60")
    indicators: Tickers = Field((), description="Further indicator columns to ship, such as ema9,rsi14")
    options_0dte: bool = Field(False, description="true: record the option chain that expires next")
    options_strikes: int = Field(10, ge=1, le=100, description="Strikes on each side of the money")
    option_symbols: Tickers = Field((), description="Further option symbols, comma-separated")
    retention_days: int = Field(0, ge=0, description="Delete delivered data older than so many days; 0: never")
    health_host: str = Field("127.0.0.1", description="Address of health, metrics and the live page")
    health_port: int = Field(8787, ge=0, le=65535, description="Port of health, metrics and the live page")
    shutdown_seconds: float = Field(10, gt=0, le=300, description="Time to flush on SIGTERM")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged")
    log_format: Literal["json", "text"] = Field("json", description="json: one object a line; text: for people")

    alert_webhook: SecretStr = Field(
        SecretStr(""), description="URL that alerts are posted to; for Telegram with ?chat_id=... at its end"
    )
    alert_format: Literal["auto", "json", "slack", "discord", "telegram"] = Field(
        "auto", description="Form of the posted alert; auto: by the URL"
    )
    smtp_host: str = Field("", description="Mail server for alerts; empty: no mail")
    smtp_port: int = Field(587, ge=1, le=65535, description="Port of the mail server")
    smtp_security: Literal["starttls", "tls", "none"] = Field("starttls", description="Encryption of the connection")
    smtp_user: str = Field("", description="User at the mail server; empty: no login")
    smtp_password: SecretStr = Field(SecretStr(""), description="Password at the mail server")
    smtp_from: str = Field("", description="Sender of alert mails; default: SMTP_USER")
    smtp_to: str = Field("", description="Receivers of alert mails, comma-separated")

    @pydantic.field_validator("stream_ticker", "indicators", "option_symbols", mode="before")
    @classmethod
    def _split_commas(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
        return value

    @pydantic.field_validator("stream_ticker")
    @classmethod
    def _check_tickers(cls, tickers: tuple[str, ...]) -> tuple[str, ...]:
        tickers = tuple(dict.fromkeys(ticker.upper() for ticker in tickers))
        if not 1 <= len(tickers) <= MAX_TICKERS:
            raise ValueError(f"give 1 to {MAX_TICKERS} tickers, comma-separated")
        for ticker in tickers:
            if len(ticker) > 10 or not all(sign.isalnum() or sign in "./$-^" for sign in ticker):
                raise ValueError(f"{ticker!r} is not a ticker (at most 10 letters, digits or . / $ - ^)")
        return tickers

    @pydantic.field_validator("sma_interval")
    @classmethod
    def _check_sma_interval(cls, value: str) -> str:
        if value == "tick" or (value.isdecimal() and 1 <= int(value) <= 86_400):
            return value
        raise ValueError("tick, or whole seconds from 1 to 86400")

    @pydantic.field_validator("alert_webhook")
    @classmethod
    def _check_webhook(cls, value: SecretStr) -> SecretStr:
        parts = urllib.parse.urlsplit(value.get_secret_value())
        is_local = parts.hostname in ("127.0.0.1", "localhost", "::1")
        if value.get_secret_value() and not (parts.scheme == "https" or (parts.scheme == "http" and is_local)):
            raise ValueError("an https:// URL")
        return value

    @pydantic.model_validator(mode="after")
    def _learn_secrets(self) -> "Settings":
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                redaction.learn([value.get_secret_value(), *_passwords_in(value.get_secret_value())])
        return self

    @property
    def token_path(self) -> Path:
        """The Schwab token file."""
        return self.schwab_token_path or self.data_dir / "schwab_token.json"


def _passwords_in(value: str) -> list[str]:
    try:
        password = urllib.parse.urlsplit(value).password or ""
    except ValueError:
        return []
    return [password, urllib.parse.unquote(password)]


def load(**overrides: Any) -> Settings:
    """The settings, with `overrides` (None means: not given) above environment and .env.

    Raises UsageError that names the first wrong setting and what it should be, never its secret value.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given | {"_env_file": _dotenv()})
    except pydantic.ValidationError as error:
        raise UsageError(_first_problem(error)) from None


def _dotenv() -> Path | None:
    """`.env` of the working directory, None where there is none. Raises UsageError for one that cannot be read."""
    path = Path(".env")
    try:
        if not path.is_file():
            return None
    except PermissionError:
        # The directory is closed to this user, such as the home of who called sudo -u: then it is not meant for him.
        return None
    try:
        path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f".env in the working directory cannot be read: {error}") from None
    return path


def _first_problem(error: pydantic.ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    name = str(problem["loc"][0])
    expected = problem["msg"].removeprefix("Value error, ")
    field = Settings.model_fields[name]
    is_secret = field.annotation is SecretStr
    shown = "" if is_secret else f"={problem['input']}"
    return f"{name.upper()}{shown}: {expected} ({field.description})"


def require_schwab(settings: Settings) -> None:
    """Raise UsageError unless the credentials for Schwab are there."""
    for name in ("schwab_app_key", "schwab_app_secret"):
        _require(name, getattr(settings, name).get_secret_value())


def require_destination(settings: Settings) -> None:
    """Raise UsageError unless what the destination needs is there."""
    if settings.destination == "supabase":
        _require("supabase_url", settings.supabase_url)
        _require("supabase_service_role_key", settings.supabase_service_role_key.get_secret_value())
    if settings.destination == "postgres":
        _require("postgres_dsn", settings.postgres_dsn.get_secret_value())


def _require(name: str, value: str) -> None:
    if not value:
        description = Settings.model_fields[name].description
        raise UsageError(f"{name.upper()} is missing: {description}; set it in the environment or in .env")
