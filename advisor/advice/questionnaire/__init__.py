"""The questionnaire: every answer as a plain question, in the order in which an architect knows the answers."""

from advisor.advice.questionnaire.caller import CALLER
from advisor.advice.questionnaire.coupling import COUPLING
from advisor.advice.questionnaire.failure import FAILURE
from advisor.advice.questionnaire.limits import LIMITS
from advisor.advice.questionnaire.load import LOAD
from advisor.advice.questionnaire.operations import OPERATIONS
from advisor.advice.questionnaire.shape import Question, Section

__all__ = ["SECTIONS", "Question", "Section"]

SECTIONS: tuple[Section, ...] = (CALLER, LOAD, LIMITS, FAILURE, COUPLING, OPERATIONS)
