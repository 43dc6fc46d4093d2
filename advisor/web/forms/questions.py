"""Questions by their dotted paths, and reasons as sentences: a reason continues the name of its field, or is a sentence."""

from advisor.reports.document.answers import QUESTIONS
from core.errors import InvalidInput


def field_id(path: str) -> str:
    return "field-" + path.replace(".", "-")


def owner_of(path: str) -> str:
    """The question at which a problem is shown: its own, the one of its list, the first of its group; empty if there is none."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        if prefix in QUESTIONS:
            return prefix
        first = next((known for known in QUESTIONS if known.startswith(prefix + ".")), None)
        if first:
            return first
    return ""


CONTINUES = ("must ", "should ", "could ", "would ", "is ", "has ", "holds ")


def sentence_of(reason: str, subject: str = "This") -> str:
    """The reason as a whole sentence; where it only continues one, it is about the `subject`."""
    whole = f"{subject} {reason}" if reason.startswith(CONTINUES) else reason[:1].upper() + reason[1:]
    return whole if whole.endswith((".", "?", "!")) else f"{whole}."


def first_sentence(refused: InvalidInput, subject: str = "This") -> str:
    return sentence_of(refused.problems[0].reason, subject)


def choice_reason(given: str, accepted: tuple[str, ...]) -> str:
    *first, last = accepted
    shown = f" “{given[:40]}”" if given.isprintable() and given.strip() else " that"
    return f"there is no choice{shown} here: choose {', '.join(first)} or {last}" if first else f"choose {last}"


def reasons_by_field(refused: InvalidInput | None) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for problem in refused.problems if refused else ():
        reasons.setdefault(problem.path, []).append(problem.reason)
    return reasons
