"""The questionnaire: every answer as a plain question, in the order in which an architect knows the answers."""

from advisor.advice.questionnaire.question import Question, QuestionSection
from advisor.advice.questionnaire.system import FAILURE_SECTION, LIMITS_SECTION, OPERATIONS_SECTION
from advisor.advice.questionnaire.workload import CALLER_SECTION, COUPLING_SECTION, LOAD_SECTION

__all__ = ["FIRST_QUESTIONS", "SECTIONS", "Question", "QuestionSection"]

SECTIONS: tuple[QuestionSection, ...] = (
    CALLER_SECTION,
    LOAD_SECTION,
    LIMITS_SECTION,
    FAILURE_SECTION,
    COUPLING_SECTION,
    OPERATIONS_SECTION,
)

FIRST_QUESTIONS = (
    "caller.kind",
    "volume.mean_rate_per_s",
    "volume.peak_to_mean",
    "processing.p50_s",
    "processing.p95_s",
    "failures.dead_letter",
)
"""Who waits, how many, how uneven, how long, what if it fails: with the template's other answers they make a first advice."""
