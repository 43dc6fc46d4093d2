"""What the environment may set, read once and checked; `settings.py` turns it into Django's terms."""

import secrets
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


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
        """The broker's address: the one given, else the embedded broker's unix socket in the data folder."""
        return self.redis_url or f"unix://{self.broker_socket}"

    @property
    def broker_socket(self) -> Path:
        return self.data / "broker" / "broker.sock"

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
