from dataclasses import fields
from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from advisor.web.forms.fields import Field

register = template.Library()

KEPT_FIELDS = 2_048
"""Some 3 kB each. Most fields of most pages are the templates' own answers."""


@register.simple_tag
def question_field(field: Field, *, oob: bool = False) -> SafeString:
    """The field of a question that depends on nothing else of the page (`Field.is_independent`), rendered once for what it shows."""
    return _rendered(_Shown(field), oob)


class _Shown:
    """Equal to another if their fields look the same."""

    def __init__(self, field: Field) -> None:
        self.field = field
        values = {one.name: getattr(field, one.name) for one in fields(field)} | {
            "question": field.question.path,
            "own_hop": tuple(field.own_hop.items()),
            "library": None,  # a field that is independent does not use it
        }
        self._key = tuple(values.values())

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Shown) and self._key == other._key


@lru_cache(maxsize=KEPT_FIELDS)
def _rendered(shown: _Shown, oob: bool) -> SafeString:
    return render_to_string("decisions/_field.html", {"field": shown.field, "oob": oob})
