"""What the environment may set, read once and checked; `settings.py` turns it into Django's terms."""

import hashlib
import ipaddress
import os
import re
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit
from uuid import UUID

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from advisor.places import default_data

SOCKET_PATH_BYTES = 100
"""A unix socket's path must be shorter than this on every system (108 on Linux, 104 on macOS, less the final NUL)."""
BROKER_PATIENCE_S = 1.5
"""How long a page or a command waits for a broker that hangs, before it goes on without."""
LEAST_KEY = 8
"""Characters of an outside endpoint's key: fewer could not be told from other words when they are kept out of messages."""
LEAST_SECRET_KEY, LEAST_DISTINCT = 50, 5
"""Characters, and different ones, as Django's own check of a deployment asks for."""
PREFIX = "CROSSOVER_"
EMAIL_PORTS = {"smtps": 465, "smtp+tls": 587, "smtp": 25}
"""By scheme: TLS from the beginning, STARTTLS, and neither."""
EMAIL_ADDRESS = re.compile(r"(?:[^<>@\s][^<>@\r\n]* <)?[^<>@\s]+@[\w-]+(?:\.[\w-]+)+>?")
BROKER_NAME = re.compile(r"[\w.-]{1,40}", re.ASCII)


class Misconfigured(Exception):
    """What the environment sets is wrong: a line for each variable, with its name and without its value."""


class MailServer(NamedTuple):
    scheme: str
    host: str
    port: int
    user: str
    password: str


class Configuration(BaseSettings):
    """Every variable, with its default. `REDIS_URL`, `DATABASE_URL` and `EMAIL_URL` go by their usual names, the rest begin with `CROSSOVER_`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, populate_by_name=True, hide_input_in_errors=True, env_ignore_empty=True
    )

    mode: Literal["local", "hosted"] = "hosted"
    """`local`: loopback only, plain HTTP, one user, let in by the address that `up` prints (`up` takes this mode where none is set).
    `hosted`: sign-in, behind a reverse proxy that ends TLS."""
    data: Path = Field(default_factory=default_data)
    """Where the database, the broker's log, the secret key and the collected static files live."""
    public_url: str | None = None
    """The address people use in hosted mode, `https://crossover.example`."""
    trusted_proxies: str = "127.0.0.1, ::1"
    """Addresses and networks of the reverse proxies whose X-Forwarded-Proto and X-Forwarded-For are believed; separated by commas."""
    hsts_include_subdomains: bool = False
    """Whether browsers shall use HTTPS for every subdomain of the public host, too."""
    hsts_preload: bool = False
    """Whether browser vendors may put the public host on their preload lists, which is hard to undo."""
    secret_key: SecretStr | None = None
    """Signs cookies and links; the same for every process of a site. Without it, one is made and kept in the data folder."""
    debug: bool = False
    log_format: Literal["text", "json"] = "text"
    """A line for people, or a JSON object a line for collectors of logs."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    run_time_limit_s: int = Field(default=600, ge=5, le=86_400)
    """The longest that one simulation may run before its worker is ended."""
    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL")
    redis_url: str | None = Field(default=None, validation_alias="REDIS_URL")
    metrics_token: str | None = Field(default=None, min_length=16)
    """Lets a scraper read `/metrics` without signing in, as `Authorization: Bearer …`."""

    email_from: str | None = Field(default=None, max_length=320)
    """Who sends: `crossover@company.example`, or `Crossover <crossover@company.example>`."""
    email_url: SecretStr | None = Field(default=None, validation_alias="EMAIL_URL")
    """Of the mail server, in hosted mode: `smtps://user:password@host`, `smtp+tls://…` with STARTTLS, or `smtp://host` without TLS and password."""

    oidc_client_id: str | None = Field(default=None, min_length=1, max_length=200)
    oidc_client_secret: SecretStr | None = None
    oidc_issuer: str | None = None
    """Of an OpenID Connect provider with which people sign in, in hosted mode; its discovery document is below this address."""
    oidc_label: str = Field(default="single sign-on", min_length=1, max_length=60)
    """What the sign-in page calls it: `Sign in with …`."""
    oidc_groups_claim: str = Field(default="groups", min_length=1, max_length=100)
    oidc_groups: str | None = None
    """Which group of the provider has which role: `GROUP=WORKSPACE:role` separated by commas; a workspace is named by its id."""

    oidc_administrators: str | None = Field(default=None, min_length=1, max_length=200)
    """The group of the provider whose people administer the site, as long as they are in it when they sign in."""

    runs_kept_days: int | None = Field(default=None, ge=1, le=99_999)
    """Days after its end for which `prune` keeps a simulation, a map or a search; None: for ever, as for the next two."""
    revisions_kept_days: int | None = Field(default=None, ge=1, le=99_999)
    """Of drafts that are not the latest and have no simulations, from their last change."""
    recordings_kept_days: int | None = Field(default=None, ge=1, le=99_999)
    """Of recordings that nothing uses, from their upload."""

    sign_in_attempts_per_account: int = Field(default=5, ge=1, le=1000)
    """Wrong passwords for one account, from wherever, before it has to wait."""
    sign_in_attempts_per_address: int = Field(default=20, ge=1, le=100_000)
    """Wrong passwords and wrong links from one address, for whichever account, before it has to wait."""
    sign_in_cool_off_minutes: int = Field(default=15, ge=1, le=1440)
    """How long it waits, and how long a wrong attempt counts."""
    session_days: int = Field(default=14, ge=1, le=365)
    """How long a user stays signed in."""
    session_idle_minutes: int | None = Field(default=None, ge=10, le=525_600)
    """After how long without use a session ends; unset: after `session_days` alone."""

    external_url: str | None = None
    """Base URL of an OpenAI-compatible server that may answer live runs in the sample endpoint's place, as the official client takes it:
    `https://host/v1`. Without this, the model and the key, it is not offered."""
    external_model: str | None = Field(default=None, min_length=1, max_length=200)
    external_key: SecretStr | None = None
    """Reaches only the processes that call; it is in no file, row, message or page."""
    external_max_calls: int = Field(default=200, ge=2, le=100_000)
    """Of one live run, both designs together."""
    external_max_tokens_per_call: int = Field(default=256, ge=1, le=100_000)
    """Output tokens."""
    external_max_seconds: int = Field(default=120, ge=20, le=3600)
    """In which calls of one live run may be under way, both designs together."""
    external_runs_per_day: int = Field(default=20, ge=1, le=10_000)
    """Live runs at the outside endpoint in any 24 hours, all workspaces together."""
    external_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls the limit on a call's tokens."""

    observable_redis: SecretStr | None = None
    """Brokers at whose rq queues editors may look: `NAME=URL` separated by spaces, `production=redis://:password@10.0.0.7:6379/0`.
    Only their names are on pages."""

    @property
    def observable_brokers(self) -> Mapping[str, str]:
        """URLs by name."""
        return {} if self.observable_redis is None else _named_urls(self.observable_redis.get_secret_value())

    @property
    def roles_of_groups(self) -> Sequence[tuple[str, UUID, str]]:
        """Group, workspace and role."""
        return [] if self.oidc_groups is None else _roles_of_groups(self.oidc_groups)

    @property
    def mail_server(self) -> MailServer | None:
        return None if self.local or self.email_url is None else _mail_server(self.email_url.get_secret_value())

    @field_validator("email_from")
    @classmethod
    def _a_sender(cls, value: str | None) -> str | None:
        if value is not None and not (EMAIL_ADDRESS.fullmatch(value.strip()) and ("<" in value) == (">" in value)):
            raise ValueError(
                "should be an address like crossover@company.example, or Crossover <crossover@company.example>"
            )
        return value and value.strip()

    @field_validator("email_url")
    @classmethod
    def _a_mail_server(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None:
            _mail_server(value.get_secret_value())
            if "email_from" in info.data and info.data["email_from"] is None:
                raise ValueError("needs CROSSOVER_EMAIL_FROM, too: the address that sends")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _a_provider(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value.strip())
        if parts.scheme not in ("https", "http") or not parts.hostname or not value.isprintable():
            raise ValueError("should be the address of the provider, like https://login.example/realms/company")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("should have no user name, query or fragment")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("should begin with https://; plain http is for this machine alone")
        if not info.data.get("oidc_client_id") or not info.data.get("oidc_client_secret"):
            raise ValueError("needs CROSSOVER_OIDC_CLIENT_ID and CROSSOVER_OIDC_CLIENT_SECRET, too")
        return value.strip().rstrip("/")

    @field_validator("oidc_administrators")
    @classmethod
    def _a_group_of_the_provider(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("should be the name of one group, like crossover-administrators")
        if value is not None and "oidc_issuer" in info.data and info.data["oidc_issuer"] is None:
            raise ValueError("needs CROSSOVER_OIDC_ISSUER, too: the provider that says who is in the group")
        return value and value.strip()

    @field_validator("oidc_groups")
    @classmethod
    def _groups_with_roles(cls, value: str | None) -> str | None:
        if value is not None:
            _roles_of_groups(value)
        return value

    @field_validator("observable_redis")
    @classmethod
    def _named(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _named_urls(value.get_secret_value())
        return value

    @field_validator("secret_key", mode="before")
    @classmethod
    def _hard_to_guess(cls, value: str | None) -> str | None:
        if value is not None and (len(value) < LEAST_SECRET_KEY or len(set(value)) < LEAST_DISTINCT):
            raise ValueError(
                f"should have {LEAST_SECRET_KEY} characters at least, like what `openssl rand -hex 32` prints"
            )
        return value

    @field_validator("public_url")
    @classmethod
    def _an_origin(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        if info.data.get("mode") == "local":
            raise ValueError(
                "is for hosted mode; local mode serves this machine alone, without sign-in. Set CROSSOVER_MODE=hosted, or unset the address"
            )
        parts = urlsplit(value.strip())
        if parts.scheme != "https" or not parts.hostname or not value.isprintable():
            raise ValueError("should be the address that people open, like https://crossover.example")
        if parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("should hold nothing but https://, the host and, where it is not 443, the port")
        return f"https://{parts.netloc}"

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses_and_networks(cls, value: str) -> str:
        try:
            return ",".join(str(ipaddress.ip_network(item.strip())) for item in value.split(","))
        except ValueError:
            raise ValueError(
                "should be addresses or networks separated by commas, like 10.0.0.5, 192.168.7.0/24"
            ) from None

    @field_validator("external_url")
    @classmethod
    def _an_address_without_secrets(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value.strip())
        if parts.scheme not in ("https", "http") or not parts.hostname or len(value) > 2000 or not value.isprintable():
            raise ValueError("should be an address like https://host/v1")
        if parts.username is not None or parts.password is not None:
            raise ValueError("should hold no user name or password; the key has a variable of its own")
        if parts.query or parts.fragment or "?" in value or "#" in value:
            raise ValueError("should have no query and no fragment")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("should begin with https://; plain http is for this machine alone")
        return value.strip().rstrip("/")

    @field_validator("external_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        key = value.get_secret_value().strip()
        if len(key) < LEAST_KEY or not key.isascii() or not key.isprintable():
            raise ValueError(
                f"should have {LEAST_KEY} characters at least, all of ASCII; a server that asks for no key takes any"
            )
        return SecretStr(key)

    @field_validator("data")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @property
    def session_age(self) -> timedelta:
        return timedelta(days=self.session_days)

    @property
    def local(self) -> bool:
        return self.mode == "local"

    @property
    def allowed_hosts(self) -> list[str]:
        """The hosts answered for: that of `public_url`, or this machine alone."""
        host = None if self.local else urlsplit(self.public_url or "").hostname
        return [host] if host else ["localhost", "127.0.0.1", "[::1]"]

    @property
    def broker_url(self) -> str:
        """The broker's address, the one given or else the embedded broker's socket, with the limits on waiting for it."""
        address, _, given = (self.redis_url or f"unix://{quote(str(self.broker_socket))}").partition("?")
        limits = {"socket_connect_timeout": str(BROKER_PATIENCE_S), "socket_timeout": str(BROKER_PATIENCE_S)}
        return f"{address}?{urlencode(limits | dict(parse_qsl(given)))}"

    @property
    def broker_socket(self) -> Path:
        """The embedded broker's unix socket: in the data folder, or where that path is too long, in a folder of ours next to
        the temporary files, named after the data folder so that every process finds the same one."""
        socket = self.data / "broker" / "broker.sock"
        if len(os.fsencode(socket)) < SOCKET_PATH_BYTES:
            return socket
        name = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"crossover-{os.getuid()}-{name}" / "broker.sock"

    @property
    def local_address_token(self) -> Path:
        """Holds the token of the address that `up` prints in local mode."""
        return self.data / "local-address-token"

    @property
    def logs(self) -> Path:
        """Where the processes that `up` starts write what they do."""
        return self.data / "logs"

    def signing_key(self) -> str:
        """The secret key given, or the one made at the first start and kept in the data folder, readable by its owner alone.

        Raises:
            Misconfigured: where the data folder cannot be written to.
        """
        if self.secret_key is not None:
            return self.secret_key.get_secret_value()
        try:
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            return kept_secret(self.data / "secret-key", 64)
        except OSError as error:
            raise Misconfigured(f"CROSSOVER_DATA: {not_writable_sentence(self.data, error)}") from error


def not_writable_sentence(data: Path, error: OSError) -> str:
    return f"{data} cannot be used as the data folder: {error.strerror}. Choose a folder that this user may write to."


def kept_secret(path: Path, random_bytes: int) -> str:
    """The secret in a file that its owner alone can read, made by the first process that asks for it."""
    if not path.exists():
        fresh = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(random_bytes))
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            pass  # another process was first: its secret is the one
        finally:
            fresh.unlink()
    return path.read_text().strip()


def read_configuration() -> Configuration:
    """What the environment sets.

    Raises:
        Misconfigured: where something in it is wrong.
    """
    try:
        return Configuration()
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        lines = [f"{_variable(item['loc'])}: {item['msg'].removeprefix('Value error, ')}" for item in problems]
    raise Misconfigured("\n".join(lines))  # out here, so that no traceback leads to what was given


def _variable(location: tuple[int | str, ...]) -> str:
    """The environment variable that a setting comes from; pydantic gives an alias as it is."""
    name = str(location[0]) if location else ""
    return name if name.isupper() else f"{PREFIX}{name.removeprefix(PREFIX.lower()).upper()}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _named_urls(text: str) -> dict[str, str]:
    """Raise ValueError, without the text: it may hold passwords."""
    urls: dict[str, str] = {}
    for part in text.split():
        name, separator, url = part.partition("=")
        if not separator or not BROKER_NAME.fullmatch(name) or not url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("should be NAME=URL separated by spaces, like production=redis://10.0.0.7:6379/0")
        urls[name] = url
    return urls


def _mail_server(url: str) -> MailServer:
    """Raise ValueError, without the URL: it may hold a password."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise ValueError("should be an address like smtps://user:password@mail.example:465") from None
    if parts.scheme not in EMAIL_PORTS or not parts.hostname or not url.isprintable():
        raise ValueError(
            "should begin with smtps:// (TLS), smtp+tls:// (STARTTLS) or smtp://, like smtps://user:password@mail.example:465"
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(
            "should hold nothing after the host and the port; write @, / and : of a password as %40, %2F and %3A"
        )
    if (parts.username is None) != (parts.password is None):
        raise ValueError("should have both a user and a password, or neither")
    if parts.scheme == "smtp" and parts.password is not None and not _is_loopback(parts.hostname):
        raise ValueError(
            "should begin with smtps:// or smtp+tls://: it has a password, which smtp:// sends in the clear"
        )
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return MailServer(parts.scheme, parts.hostname, port or EMAIL_PORTS[parts.scheme], user, password)


def _roles_of_groups(text: str) -> list[tuple[str, UUID, str]]:
    rows = []
    for part in filter(None, map(str.strip, text.split(","))):
        group, separator, target = part.rpartition("=")
        workspace, _, role = target.partition(":")
        try:
            key = UUID(workspace)
        except ValueError:
            key = None
        if not separator or not group.strip() or key is None or role not in ("owner", "editor", "viewer"):
            raise ValueError(
                "should be GROUP=WORKSPACE:role separated by commas, with the id of the workspace's page and owner, editor or viewer"
            )
        rows.append((group.strip(), key, role))
    return rows
