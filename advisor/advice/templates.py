"""Templates: workloads that most people can start from, every value with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from advisor.advice import library
from advisor.advice.answers import Answers, answers_from


@dataclass(frozen=True)
class Template:
    name: str
    title: str
    summary: str
    answers: Answers
    why: Mapping[str, str]


def _template(sheet: library.Sheet) -> Template:
    return Template(
        name=sheet.name,
        title=sheet.title,
        summary=sheet.summary,
        answers=answers_from({"template": sheet.name}),
        why=MappingProxyType({path: default.why for path, default in sheet.defaults.items()}),
    )


TEMPLATES: Mapping[str, Template] = MappingProxyType(
    {name: _template(sheet) for name, sheet in library.sheets().items()}
)
