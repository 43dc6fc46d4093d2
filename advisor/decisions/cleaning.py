"""Names that people give, made safe to show and to store; never used as a path."""

import unicodedata

from advisor.decisions.limits import TITLE_LENGTH
from core.errors import InvalidInput, Problem

INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co"})
"""Categories of control and format characters (right-to-left marks among them), surrogates and private characters."""


def clean_name(text: str, path: str = "name", limit: int = TITLE_LENGTH) -> str:
    """Return the name on one line. Raise InvalidInput if it is empty or longer than `limit`."""
    name = _visible(text)
    if not name:
        raise InvalidInput([Problem(path, "is required")])
    if len(name) > limit:
        raise InvalidInput([Problem(path, f"should have at most {limit} characters")])
    return name


def clean_file_name(text: str, fallback: str) -> str:
    name = _visible(text.replace("\\", "/").rsplit("/", 1)[-1])
    return name[:TITLE_LENGTH].strip() or fallback


def clean_sentence(text: str, limit: int) -> str:
    return _visible(text)[:limit]


def clean_text(text: str, path: str, limit: int) -> str:
    """Return text of several lines. Raise InvalidInput if it is empty or longer than `limit`."""
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
