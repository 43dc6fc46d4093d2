"""Pages for what went wrong: what happened, what was kept, what to do."""

import logging
import sys
from collections.abc import Iterable

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django_htmx.http import HttpResponseClientRefresh

from advisor.teams.middleware import NotAdmitted

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


def refusal(
    request: HttpRequest,
    status: int,
    sentences: Iterable[str] = (),
    retry_after_s: int | None = None,
    heading: str = "",
    advice: str = "",
    leads_home: bool = True,
) -> HttpResponse:
    """The page for a status. It asks neither database nor user, so that it shows when they are what is broken."""
    context = {
        "status": status,
        "heading": heading or HEADINGS[status],
        "sentences": list(sentences),
        "advice": advice or ADVICE[status],
        "leads_home": leads_home,
    }
    is_fragment = request.headers.get("HX-Request") == "true"
    template = "errors/_fragments.html#problem" if is_fragment else "errors/error.html"
    response = HttpResponse(loader.get_template(template).render(context), status=status)
    response["Cache-Control"] = "no-store"
    if retry_after_s is not None:
        response["Retry-After"] = str(retry_after_s)
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refusal(request, 413 if isinstance(exception, RequestDataTooBig) else 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, NotAdmitted):
        return _not_admitted(request, exception)
    return refusal(request, 403, [str(exception)] if str(exception) else [])


def _not_admitted(request: HttpRequest, exception: NotAdmitted) -> HttpResponse:
    """A fragment reloads its page, which then shows this."""
    if request.headers.get("HX-Request") == "true":
        return HttpResponseClientRefresh()
    return refusal(request, 403, [str(exception)], heading=exception.heading, advice=exception.advice, leads_home=False)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404, the same for what never was and for what belongs to others."""
    return refusal(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """503 where the database is locked, full or away, which passes by itself; else 500."""
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return refusal(request, 503, retry_after_s=BUSY_RETRY_AFTER_S)
    return refusal(request, 500)
