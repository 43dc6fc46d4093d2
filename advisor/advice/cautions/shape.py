"""The one shape that every cross-check has."""

from collections.abc import Callable
from dataclasses import dataclass

from advisor.advice.answers import Answers
from advisor.advice.contract import Method, Style
from advisor.advice.facts import Point
from advisor.advice.sizing import Plan


@dataclass(frozen=True)
class Case:
    answers: Answers
    point: Point
    style: Style
    method: Method
    plan: Plan


@dataclass(frozen=True)
class Check:
    code: str
    title: str
    about: str
    """What goes wrong and what helps, for the handbook."""
    when: Callable[[Case], bool]
    sentence: Callable[[Case], str]
