"""What a use case refuses, as a page: the same sentence and status whichever view it came from."""

import logging
from collections.abc import Callable

from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from advisor.decisions.errors import StaleStatus, StaleVersion, TooManyTasks, UploadTooLarge
from advisor.teams.throttle import TooManyAttempts, wait_sentence
from advisor.web.forms.questions import sentence_of
from advisor.web.views.errors import refusal
from core.errors import InvalidInput, Problem

log = logging.getLogger(__name__)

CANNOT_BE_STORED = "A value is too long or too large, or holds a character that cannot be stored."
ATTEMPTS_ADVICE = "A link that works keeps working; try it again then."


class Refusals:
    """Views do not catch a use case's refusals, unless they have a better place for the sentence."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        match error:
            case InvalidInput():
                return refusal(request, 422, [_sentence(problem) for problem in error.problems])
            case StaleStatus() | StaleVersion():
                return refusal(request, 409, [str(error)])
            case UploadTooLarge():
                return refusal(request, 413, [str(error)])
            case TooManyTasks():
                return refusal(request, 429, [str(error)], retry_after_s=30)
            case TooManyAttempts():
                return refusal(request, 429, [wait_sentence(error.wait_s)], error.wait_s, advice=ATTEMPTS_ADVICE)
            case DataError():  # of the admin's own pages; forms and use cases check before they ask the database
                log.warning("The database refused a value at %s: %s", request.path, error)
                return refusal(request, 422, [CANNOT_BE_STORED])
        return None


def _sentence(problem: Problem) -> str:
    words = problem.path.rpartition(".")[2].replace("_", " ").capitalize()
    return sentence_of(problem.reason, words or "This")
