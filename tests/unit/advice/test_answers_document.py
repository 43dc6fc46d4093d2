"""docs/answers.md says of every answer what it may be, as the questionnaire and the schema have it."""

import runpy
from pathlib import Path

from advisor.advice.answers import LEAVES
from advisor.advice.questionnaire import SECTIONS

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_it_is_what_its_script_writes() -> None:
    written = runpy.run_path(str(DOCS / "make_answers_table.py"))["document"]()
    assert (DOCS / "answers.md").read_text() == written, "run .venv/bin/python docs/make_answers_table.py"
    assert all(f"| `{question.path}` |" in written for section in SECTIONS for question in section.questions)
    assert len([path for path in LEAVES if f"`{path}`" in written]) > 60
