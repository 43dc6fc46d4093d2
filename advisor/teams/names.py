"""Account names that people can tell apart: what they look like, and which are refused for their characters."""

import hashlib
import unicodedata
from functools import cache

INVISIBLE_IN_NAMES = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks that show nothing, next to the categories of control, format, space and unassigned characters."""
WRITTEN_TOGETHER = (
    {"LATIN", "HAN", "HIRAGANA", "KATAKANA"},
    {"LATIN", "HAN", "BOPOMOFO"},
    {"LATIN", "HAN", "HANGUL"},
)
"""Scripts that one language uses side by side: "highly restrictive" in Unicode Technical Standard 39, section 5.2."""
OF_ANY_SCRIPT = {"COMMON", "INHERITED"}
ALIKE = str.maketrans({"i": "l", "1": "l", "|": "l", "0": "o", ".": None, "-": None, "_": None})
"""Two names must differ in more than this, next to the standard's table; + and @ stay, since they make another mail address."""


def looks_of(name: str) -> tuple[str, str]:
    """Return digests of how the name looks as written, and of how it looks in small letters.

    Two names that share either are too alike: capitals of another alphabet may resemble ours while its small letters do not
    (Greek ΝΟΗ and νοη). Both follow Unicode Technical Standard 39, section 4.
    """
    return _digest(_resembles(_resembles(name))), _digest(_resembles(_fold(name)))


def fault_of(name: str) -> str:
    """Say why the name is not allowed; empty if it is."""
    shown = unicodedata.normalize("NFKC", name)
    if any(not _is_visible(character) for character in shown):
        return "A name holds no spaces and no invisible characters."
    if not any(character.isalnum() for character in shown):
        return "A name holds a letter or a digit at least."
    scripts = scripts_in(shown)
    if len(scripts) > 1 and not any(scripts <= together for together in WRITTEN_TOGETHER):
        listed = " and ".join(script.capitalize() for script in sorted(scripts))
        return f"A name is written in one alphabet; this one mixes {listed}."
    return ""


def scripts_in(name: str) -> set[str]:
    from confusable_homoglyphs.categories import alias

    return {str(alias(character)) for character in name} - OF_ANY_SCRIPT


def _is_visible(character: str) -> bool:
    return character not in INVISIBLE_IN_NAMES and unicodedata.category(character)[0] not in "CZ"


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _resembles(name: str) -> str:
    prototypes = _prototypes()
    parts = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", name))
    skeleton = "".join(prototypes.get(part, part) for part in parts if _is_visible(part))
    return unicodedata.normalize("NFD", skeleton).casefold().translate(ALIKE)


@cache
def _prototypes() -> dict[str, str]:
    """Map each character to its prototype in confusables.txt, which `confusable_homoglyphs` contains.

    The package lists both directions. A prototype has many characters that resemble it, and each of those has only the prototype; of two that
    have only each other, the sequence is replaced by the single character, else by the first in Unicode. Loaded on first use: 0.1 s.
    """
    from confusable_homoglyphs.confusables import confusables_data

    table = {
        _bare(character): [_bare(other["c"]) for other in others] for character, others in confusables_data.items()
    }
    prototypes = {}
    for character, others in table.items():
        if len(others) > 1 or len(character) > 1:
            continue
        other = others[0]
        is_pair = table.get(other) == [character] and len(other) == 1
        prototypes[character] = min(character, other) if is_pair else other
    return prototypes


def _bare(text: str) -> str:
    return text.replace("\u200e", "")


def _digest(skeleton: str) -> str:
    return hashlib.sha256(skeleton.encode("utf-8", "surrogatepass")).hexdigest()
