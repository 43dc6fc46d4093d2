"""Reasons as sentences: a reason continues the name of its field, or is a sentence of its own."""

from core.errors import InvalidInput

CONTINUES = ("must ", "should ", "could ", "would ", "is ", "has ", "holds ")


def sentence_of(reason: str, subject: str = "This") -> str:
    """The reason as a whole sentence; where it only continues one, it is about the `subject`."""
    whole = f"{subject} {reason}" if reason.startswith(CONTINUES) else reason[:1].upper() + reason[1:]
    return whole if whole.endswith((".", "?", "!")) else f"{whole}."


def choice_reason(given: str, accepted: tuple[str, ...]) -> str:
    """Why something is not one of the choices, which are given in the words that the page shows."""
    *first, last = accepted
    shown = f" “{given[:40]}”" if given.isprintable() and given.strip() else " that"
    return f"there is no choice{shown} here: choose {', '.join(first)} or {last}" if first else f"choose {last}"


def reasons_by_field(refused: InvalidInput | None) -> dict[str, list[str]]:
    """All reasons of a refusal, by the path of their field; empty if nothing was refused."""
    reasons: dict[str, list[str]] = {}
    for problem in refused.problems if refused else ():
        reasons.setdefault(problem.path, []).append(problem.reason)
    return reasons
