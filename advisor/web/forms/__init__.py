"""The bridge between the questionnaire's fields on a page and Answers: what was posted in, what is stored out."""

from advisor.web.forms.certainty import settled
from advisor.web.forms.posted import given_from, moved, valid_from
from advisor.web.forms.shown import Field, FieldGroup, errors_by_field, groups_of

__all__ = ["Field", "FieldGroup", "errors_by_field", "given_from", "groups_of", "moved", "settled", "valid_from"]
