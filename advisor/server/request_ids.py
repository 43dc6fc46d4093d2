"""An id for each request, in every line that is logged for it, in the response, and in the jobs that it queues."""

import re
from collections.abc import Callable
from uuid import uuid4

from django.http import HttpRequest, HttpResponseBase
from structlog.contextvars import bound_contextvars

REQUEST_ID_HEADER = "X-Request-ID"
FIT_TO_LOG = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestIds:
    """Take the id that a proxy has given, if it is fit to be logged; otherwise make one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get(REQUEST_ID_HEADER, "")
        request_id = given if FIT_TO_LOG.fullmatch(given) else uuid4().hex
        with bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response[REQUEST_ID_HEADER] = request_id
        return response
