"""Notes, every few minutes, that somebody who is signed in was here."""

import logging
from collections.abc import Callable

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase

from advisor.teams.models import User
from advisor.teams.services.sessions import is_noted, note_session

log = logging.getLogger(__name__)


class SessionNotes:
    """Writes after the page is made, and only for a page that asked who is signed in anyway."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not is_noted(request) and isinstance(request.user, User):
            try:
                note_session(request, request.user)
            except DatabaseError as error:  # full or locked: the page has been made, and is worth more than the note
                log.warning("A session could not be noted: %s", error)
        return response
