"""Refusals and failures as pages: what happened, what was kept, what to do."""

import logging
import sys
from collections.abc import Callable, Iterable

from django.core.exceptions import RequestDataTooBig
from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template import loader
from django_htmx.http import HttpResponseClientRefresh

from advisor.decisions.errors import StaleStatus, StaleVersion, TooManyTasks, UploadTooLarge
from advisor.decisions.jobs import count_refusal
from advisor.teams.mail import MailFailed
from advisor.teams.middleware import NotAdmitted
from advisor.teams.throttle import TooManyAttempts, wait_sentence
from advisor.web.forms.questions import sentence_of
from core.errors import InvalidInput, Problem

log = logging.getLogger(__name__)

HEADINGS = {
    400: "That request could not be read",
    403: "Your role does not allow this",
    404: "There is no such page",
    409: "Another change was saved first",
    413: "That is too large",
    422: "That cannot be done as it is",
    429: "Too much at once",
    500: "Something broke on our side",
    503: "The database is busy",
}
ADVICE = {
    400: "Go back and try again; if it was a link, it may have been cut.",
    403: "Nothing was changed. An owner of the workspace can change your role.",
    404: "It may have been deleted, or it belongs to another workspace.",
    409: "Nothing was overwritten. Open the decision again to see what it holds now.",
    413: "Nothing was saved. Send a smaller file.",
    422: "Nothing was saved. Go back, change it and try again.",
    429: "Everything queued is kept and will run. Try again when some of it has finished.",
    500: "What was saved before is kept. Try again; if it happens again, the server's log says why.",
    503: "What was saved before is kept; this one was not saved. Try again in a few seconds.",
}
BUSY_RETRY_AFTER_S = 5
CANNOT_BE_STORED = "A value is too long or too large, or holds a character that cannot be stored."
MAIL_FAILED = "The mail server did not answer, or did not take the email. Nothing was changed."
MAIL_ADVICE = (
    "Try again later. For a new password, an owner of your workspace or an administrator can make a link meanwhile."
)
ATTEMPTS_ADVICE = "A link that works keeps working; try it again then."


def refusal(
    request: HttpRequest,
    status: int,
    sentences: Iterable[str] = (),
    retry_after_s: int | None = None,
    heading: str = "",
    advice: str = "",
    leads_home: bool = True,
) -> HttpResponse:
    """The page for a status. It uses neither the database nor the user, so that it also works when they fail."""
    context = {
        "status": status,
        "heading": heading or HEADINGS[status],
        "sentences": list(sentences),
        "advice": advice or ADVICE[status],
        "leads_home": leads_home,
    }
    is_fragment = request.headers.get("HX-Request") == "true"
    template = "errors/error.html#problem" if is_fragment else "errors/error.html"
    headers = {"Cache-Control": "no-store"} | ({} if retry_after_s is None else {"Retry-After": str(retry_after_s)})
    return HttpResponse(loader.render_to_string(template, context), status=status, headers=headers)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refusal(request, 413 if isinstance(exception, RequestDataTooBig) else 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    sentences = [str(exception)] if str(exception) else []
    # The address itself may have a secret in it.
    page = request.resolver_match.view_name if request.resolver_match else "a page"
    account = getattr(getattr(request, "user", None), "pk", None)
    log.warning("Refused: %s %s to account %s: %s", request.method, page, account, exception)
    if not isinstance(exception, NotAdmitted):
        return refusal(request, 403, sentences)
    if request.headers.get("HX-Request") == "true":
        return HttpResponseClientRefresh()  # the page then shows this refusal
    return refusal(request, 403, sentences, heading=exception.heading, advice=exception.advice, leads_home=False)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refusal(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """503 if the database is locked, full or unreachable, which is temporary; else 500."""
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return refusal(request, 503, retry_after_s=BUSY_RETRY_AFTER_S)
    return refusal(request, 500)


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
                count_refusal("upload_too_large")
                return refusal(request, 413, [str(error)])
            case TooManyTasks():
                count_refusal("queue_full", error.workspace_id)
                return refusal(request, 429, [str(error)], retry_after_s=30)
            case TooManyAttempts():
                count_refusal("too_many_attempts")
                return refusal(request, 429, [wait_sentence(error.wait_s)], error.wait_s, advice=ATTEMPTS_ADVICE)
            case MailFailed():
                return refusal(
                    request, 503, [MAIL_FAILED], heading="No email can be sent at the moment", advice=MAIL_ADVICE
                )
            case DataError():  # of the admin's own pages; forms and use cases check before they ask the database
                log.warning("The database refused a value at %s: %s", request.path, error)
                return refusal(request, 422, [CANNOT_BE_STORED])
        return None


def _sentence(problem: Problem) -> str:
    words = problem.path.rpartition(".")[2].replace("_", " ").capitalize()
    return sentence_of(problem.reason, words or "This")
