"""Names that people give, made safe to show and to store; never used as a path."""

import unicodedata

from advisor.decisions.limits import TITLE_LENGTH
from advisor.teams.models import User
from core.errors import InvalidInput, Problem

INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co"})
"""Categories of control and format characters (right-to-left marks among them), surrogates and private characters."""


def clean_name(text: str, path: str = "name", limit: int = TITLE_LENGTH) -> str:
    """The name on one line, without characters that can't be seen or stored.

    Raises:
        InvalidInput: if nothing is left, or more than `limit` characters.
    """
    name = _visible(text)
    if not name:
        raise InvalidInput([Problem(path, "is required")])
    if len(name) > limit:
        raise InvalidInput([Problem(path, f"should have at most {limit} characters")])
    return name


def clean_file_name(text: str, fallback: str) -> str:
    """The last part of a file's name as its sender gave it, cut to what can be stored; `fallback` where nothing is left."""
    name = _visible(text.replace("\\", "/").rsplit("/", 1)[-1])
    return name[:TITLE_LENGTH].strip() or fallback


def person_name(user: User | None) -> str:
    """Somebody's name; their rows outlive their account."""
    return (user.get_full_name() or user.get_username()) if user else "somebody who has left"


def clean_sentence(text: str, limit: int) -> str:
    """A message of unknown origin, cut to `limit`, with nothing that a database refuses."""
    return _visible(text)[:limit]


def clean_text(text: str, path: str, limit: int) -> str:
    """Plain text of several lines, its line ends as they are meant, without characters that can't be seen or stored.

    Raises:
        InvalidInput: if nothing is left, or more than `limit` characters.
    """
    lines = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    kept = "\n".join(
        "".join(c for c in line if c == "\t" or unicodedata.category(c) not in INVISIBLE_CATEGORIES) for line in lines
    )
    if not kept.strip():
        raise InvalidInput([Problem(path, "is required")])
    if len(kept.strip()) > limit:
        raise InvalidInput([Problem(path, f"should have at most {limit} characters")])
    return kept.strip()


def _visible(text: str) -> str:
    spaced = "".join(" " if character.isspace() else character for character in text)
    seen = "".join(character for character in spaced if unicodedata.category(character) not in INVISIBLE_CATEGORIES)
    return " ".join(unicodedata.normalize("NFC", seen).split())
