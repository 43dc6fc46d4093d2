"""Passwords that are little more than the name of the site: guessed first by those who know where they are."""

import re
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError

from advisor.teams.models import User

PRODUCT = "crossover"
SHORTEST_WORD = 4
OTHER_LETTERS = 4
"""A password needs as many next to these words."""


class SiteWordsValidator:
    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError if, without the words of the site, hardly any letters are left."""
        rest = password.casefold()
        for word in site_words():
            rest = rest.replace(word, "")
        if rest != password.casefold() and sum(map(str.isalpha, rest)) < OTHER_LETTERS:
            raise ValidationError("A password is more than the name of this site.")

    def get_help_text(self) -> str:
        return "Not the name of this site."


def site_words() -> set[str]:
    """The product, and the parts of the public host."""
    host = urlsplit(settings.CONFIGURATION.public_url or "").hostname or ""
    return {PRODUCT, *(word for word in re.split(r"[.-]", host.casefold()) if len(word) >= SHORTEST_WORD)}
