"""A token in a file of the data folder that opens one thing, once. Whoever may read the data folder may use it."""

import secrets
from pathlib import Path

from django.utils.crypto import constant_time_compare

from advisor.configuration import kept_secret

RANDOM_BYTES = 32


class OneTimeToken:
    """The file holds the token until it is used; it survives a restart."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def current(self) -> str:
        """The token that has not been used yet; a new one if there is none."""
        return kept_secret(self.path, RANDOM_BYTES)

    def is_open(self) -> bool:
        """Whether there is a token that has not been used yet."""
        return self.path.exists()

    def matches(self, given: str) -> bool:
        """Whether `given` is the token, and has not been used yet."""
        try:
            return constant_time_compare(self.path.read_text().strip(), given)
        except FileNotFoundError:
            return False

    def use(self, given: str) -> bool:
        """Use the token up. False unless `given` is it; of two that use it at the same time, one gets True."""
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
