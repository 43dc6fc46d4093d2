"""Makes docs/answers.md anew: `.venv/bin/python docs/make_answers_table.py`. It says what each answer may be, and what contradicts what."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "advisor.settings")

from advisor.advice.contradictions import CONTRADICTIONS  # noqa: E402
from advisor.advice.questionnaire import SECTIONS, Question, QuestionSection  # noqa: E402
from advisor.web.forms.posts import ends_in_words  # noqa: E402

HEAD = """# Answers

What each answer of a sheet may be: what the questionnaire asks, and what `volume: {mean_rate_per_s: 2}` in a file means.
The same bounds hold for forms, files, commands and the API;
what is outside is refused with the name of the question. `docs/make_answers_table.py` writes this page.
Numbers may be ranges (`{low: 1, high: 3}`) or `null` if the answer is *not known*, where the question offers that.
"""
REFUSED = """
## Refused together

- The shares of the classes do not sum to 100.
- `processing.p95_s` is below `processing.p50_s`, or `processing.p99_s` below `processing.p95_s`; the same for the times of each class.
- `volume.peak_to_mean` with `volume.peak_minutes` and `volume.peaks_per_day` leaves less than nothing for the rest of the day.
- `processing.high_in_flight` is not more than `processing.measured_in_flight`, or the second measurement is too slow for a call alone.

## Contradictions

Not refused, as one answer has to be given before the other: the advice begins with them, with links to both questions.
"""


def document() -> str:
    return "".join((HEAD, *map(_section, SECTIONS), REFUSED, "\n", *_contradictions()))


def _section(section: QuestionSection) -> str:
    rows = "".join(f"| `{one.path}` | {one.label} | {_accepted(one)} |\n" for one in section.questions)
    return f"\n## {section.title}\n\n| answer | question | accepted |\n| --- | --- | --- |\n{rows}"


def _accepted(question: Question) -> str:
    accepted = {
        "choice": ", ".join(f"`{value}`" for value, _ in question.labels),
        "flag": "`true` or `false`",
        "text": "text",
        "hops": "hops of the library, by name",
        "profile": "a profile of a provider, by name",
        "durations": "pauses in seconds",
    }.get(question.kind) or _number(question)
    return f"{accepted}, or not known" if question.optional else accepted


def _number(question: Question) -> str:
    whole = "a whole number" if question.kind == "integer" else "a number"
    if question.low is None or question.high is None:
        return whole
    return f"{whole} between {' and '.join(ends_in_words(question))}"


def _contradictions() -> Iterator[str]:
    for one in CONTRADICTIONS:
        yield f"- **{one.title}.** {one.about}\n"


if __name__ == "__main__":
    (HERE / "answers.md").write_text(document())
