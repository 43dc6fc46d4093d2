"""The questionnaire: every answer as a plain question, in the order in which an architect knows the answers."""

from advisor.advice.questionnaire.question import Question, QuestionSection
from advisor.advice.questionnaire.system import FAILURE_SECTION, LIMITS_SECTION, OPERATIONS_SECTION
from advisor.advice.questionnaire.workload import CALLER_SECTION, COUPLING_SECTION, LOAD_SECTION

__all__ = ["SECTIONS", "Question", "QuestionSection"]

SECTIONS: tuple[QuestionSection, ...] = (
    CALLER_SECTION,
    LOAD_SECTION,
    LIMITS_SECTION,
    FAILURE_SECTION,
    COUPLING_SECTION,
    OPERATIONS_SECTION,
)
