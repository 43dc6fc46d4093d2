"""What the environment may set, read once and checked; `settings.py` turns it into Django's terms."""

import hashlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent
SOCKET_PATH_BYTES = 100
"""A unix socket's path must be shorter than this on every system (108 on Linux, 104 on macOS, less the final NUL)."""
BROKER_PATIENCE_S = 1.5
"""How long a page or a command waits for a broker that hangs, before it goes on without."""


class Configuration(BaseSettings):
    """Every variable, with its default. `REDIS_URL` and `DATABASE_URL` go by their usual names, the rest begin with `CROSSOVER_`."""

    model_config = SettingsConfigDict(env_prefix="CROSSOVER_", frozen=True, populate_by_name=True)

    mode: Literal["local", "hosted"] = "hosted"
    """`local`: loopback only, plain HTTP, the local user signed in by itself (`up` sets it). `hosted`: HTTPS and sign-in."""
    data: Path = ROOT / "var"
    """Where the database, the broker's log, the secret key and the collected static files live."""
    public_url: str | None = None
    """The address people use in hosted mode, `https://crossover.example`."""
    debug: bool = False
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    run_time_limit_s: int = Field(default=600, ge=5, le=86_400)
    """The longest that one simulation may run before its worker is ended."""
    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL")
    redis_url: str | None = Field(default=None, validation_alias="REDIS_URL")
    metrics_token: str | None = Field(default=None, min_length=16)
    """Lets a scraper read `/metrics` without signing in, as `Authorization: Bearer …`."""

    @field_validator("data")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

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
        """The embedded broker's unix socket: in the data folder, or where that path is too long, in a folder of ours beside
        the temporary files, named after the data folder so that every process finds the same one."""
        socket = self.data / "broker" / "broker.sock"
        if len(os.fsencode(socket)) < SOCKET_PATH_BYTES:
            return socket
        name = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"crossover-{os.getuid()}-{name}" / "broker.sock"

    @property
    def logs(self) -> Path:
        """Where the processes that `up` starts write what they do."""
        return self.data / "logs"

    def secret_key(self) -> str:
        """The key that signs cookies, made at the first start and kept in the data folder, readable by its owner alone."""
        path = self.data / "secret-key"
        if not path.exists():
            self.data.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f".secret-key-{secrets.token_hex(4)}")
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_urlsafe(64))
            try:
                path.hardlink_to(fresh)
            except FileExistsError:
                pass  # another process of the same start was first: its key is the key
            finally:
                fresh.unlink()
        return path.read_text().strip()
