"""Links to this site, and tokens in files of the data folder that work once."""

import hashlib
import secrets
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from advisor.configuration import kept_secret


def absolute_link(request: HttpRequest, address: str) -> str:
    public = (settings.CONFIGURATION.public_url or "").rstrip("/")
    return f"{public}{address}" if public else request.build_absolute_uri(address)


RANDOM_BYTES = 32


class LinkGone(Exception):
    """A link was used, revoked, has expired, or never existed: its holder learns no more than that."""


def new_token() -> tuple[str, str]:
    """Return a token, which is not stored, and its digest, which is."""
    token = secrets.token_urlsafe(RANDOM_BYTES)
    return token, digest_of(token)


def digest_of(token: str) -> str:
    """A plain hash is enough: a token has 256 random bits, too many to search."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class OneTimeToken:
    """The file holds the token until it is used; it survives a restart."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def current(self) -> str:
        return kept_secret(self.path, RANDOM_BYTES)

    def is_open(self) -> bool:
        return self.path.exists()

    def matches(self, given: str) -> bool:
        try:
            return constant_time_compare(self.path.read_text().strip(), given)
        except FileNotFoundError:
            return False

    def use(self, given: str) -> bool:
        """Use the token up. False unless `given` is it; of two concurrent uses, one gets True."""
        if not self.matches(given):
            return False
        used = self.path.with_name(f".{self.path.name}-{secrets.token_hex(4)}")
        try:
            self.path.rename(used)
        except FileNotFoundError:
            return False
        try:
            return constant_time_compare(used.read_text().strip(), given)
        finally:
            used.unlink()
