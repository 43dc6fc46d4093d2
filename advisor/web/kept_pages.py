"""Pages that are made once for what they show, and kept.

What a page shows is in its key: the rows that it was made from, as they are read for each request, and of the request what `Reader` holds. While
it is rendered, nothing else can be looked up in the database. What differs each time, such as the CSRF token, is put in last. Nothing is kept
across a restart of `up`, so that another version of the code makes its pages anew.
"""

import hashlib
import logging
import re
import secrets
import threading
import uuid
import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, cast

from django.conf import settings
from django.contrib.messages import get_messages
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.db import connection
from django.http import HttpRequest, HttpResponse, QueryDict
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from advisor.teams.middleware import MemberRequest
from advisor.teams.services.audit import AuditSubject
from advisor.teams.services.sessions import SESSION_BEGUN
from advisor.web.compressed_parts import Part, SecretPart, response_of_parts

log = logging.getLogger(__name__)

KEPT_BYTES = 16 << 20
"""Of all kept pages of a process. The page of a decision has some 40 kB, compressed."""
MOST_FILES = 1000
TOKEN_PLACE, KEY_PLACE = _PLACES = tuple(SafeString(secrets.token_hex(24)) for _ in range(2))
"""What a kept page has in the place of what differs each time. No one outside of this process knows them."""
_ANY_PLACE = re.compile("|".join(f"({place})" for place in _PLACES).encode())


@dataclass(frozen=True)
class Reader:
    """The user and the request, as far as a kept page may know them."""

    is_superuser: bool
    has_usable_password: bool
    has_session: bool
    path: str
    query: str
    is_authenticated: bool = True
    htmx: bool = False

    @property
    def session(self) -> Mapping[str, bool]:
        return {SESSION_BEGUN: self.has_session}

    @property
    def GET(self) -> QueryDict:  # noqa: N802 - as a request has it
        return QueryDict(self.query)

    def get_full_path(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


Parts = list[Part | int]
"""An int is the place of one of `_PLACES`."""


class KeptPages:
    """The parts of pages and the places between them; the least recently shown pages are dropped.

    The web processes of an `up` make a page once: each reads from a folder what another has made.
    """

    def __init__(self, most_bytes: int = KEPT_BYTES, folder: Path | None = None) -> None:
        self.most_bytes = most_bytes
        self.folder = folder
        self._pages: OrderedDict[Hashable, Parts] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @cached_property
    def _files(self) -> BaseCache:
        folder = self.folder or settings.KEPT_PAGES_FOLDER
        options = {"TIMEOUT": None, "OPTIONS": {"MAX_ENTRIES": MOST_FILES}}
        try:
            return FileBasedCache(str(folder), options) if folder else DummyCache("", {})
        except OSError as error:
            log.warning("Pages are not kept for other processes: %s", error)
            return DummyCache("", {})

    def find(self, key: Hashable) -> Parts | None:
        with self._lock:
            parts = self._pages.pop(key, None)
            if parts is not None:
                self._pages[key] = parts  # the last to be forgotten
                return parts
        try:
            parts = cast("Parts | None", self._files.get(_name_of(key)))
        except OSError as error:
            log.warning("A kept page could not be read: %s", error)
            return None
        if parts is not None:
            self._keep_here(key, parts)
        return parts

    def keep(self, key: Hashable, parts: Parts) -> None:
        self._keep_here(key, parts)
        try:
            self._files.set(_name_of(key), parts)
        except OSError as error:  # the disk is full
            log.warning("A page could not be kept for other processes: %s", error)

    def _keep_here(self, key: Hashable, parts: Parts) -> None:
        with self._lock:
            self._forget(key)
            self._pages[key] = parts
            self._bytes += _size(parts)
            while self._bytes > self.most_bytes:
                self._forget(next(iter(self._pages)))

    def _forget(self, key: Hashable) -> None:
        self._bytes -= _size(self._pages.pop(key, []))


def _name_of(key: Hashable) -> str:
    return hashlib.sha256(repr(key).encode()).hexdigest()


def _size(parts: Parts) -> int:
    return sum(len(part.deflated) for part in parts if isinstance(part, Part))


PAGES = KeptPages()


class PageKey(NamedTuple):
    may_edit: bool
    rows: Hashable
    subject: AuditSubject | None = None


def find_kept(
    request: MemberRequest, template: str, key: PageKey | None, *, has_query: bool = False, is_page: bool = True
) -> HttpResponse | None:
    """The page for the key, if there is one and it is kept; for a user who has signed in.

    `has_query`: the page shows or repeats the query string of the request. Unless `is_page`, it differs for a request of htmx.
    """
    if key is None or settings.DEBUG or len(get_messages(request)):
        return None
    parts = PAGES.find((template, _reader(request, has_query, is_page), key))
    if parts is None:
        return None
    if key.subject is not None:
        request.audit_subject = key.subject
    return _filled(request, parts)


def render_kept(
    request: MemberRequest,
    template: str,
    key: PageKey | None,
    read_again: Callable[[], PageKey | None],
    context: dict[str, Any],
    *,
    has_query: bool = False,
    is_page: bool = True,
) -> HttpResponse:
    """The page, kept for the next request, unless the key changed while the `context` was looked up.

    `context` follows from what is in the key, and from what never changes. Without a key the page is not kept.
    """
    if key is None or settings.DEBUG or len(get_messages(request)) or read_again() != key:
        return render(request, template, context)
    reader = _reader(request, has_query, is_page)
    constant = {"user": reader, "request": reader, "messages": ()}
    varying = {"csrf_token": TOKEN_PLACE, "idempotency_key": KEY_PLACE}
    try:
        with connection.execute_wrapper(_refuse_query):
            page = render_to_string(template, context | constant | varying, reader)  # type: ignore[arg-type]
    except QueryWhileKept as defect:
        warnings.warn(defect, stacklevel=1)
        return render(request, template, context)
    parts = _parts_of(page.encode())
    PAGES.keep((template, reader, key), parts)
    return _filled(request, parts)


def _reader(request: MemberRequest, has_query: bool, is_page: bool) -> Reader:
    user, query = request.user, request.META.get("QUERY_STRING", "") if has_query else ""
    has_session = SESSION_BEGUN in request.session
    htmx = not is_page and bool(request.htmx)
    return Reader(user.is_superuser, user.has_usable_password(), has_session, request.path, query, htmx=htmx)


def _parts_of(page: bytes) -> Parts:
    parts: Parts = []
    end = 0
    for place in _ANY_PLACE.finditer(page):
        parts += [Part(page[end : place.start()]), (place.lastindex or 0) - 1]
        end = place.end()
    return [*parts, Part(page[end:])]


def _filled(request: MemberRequest, parts: Parts) -> HttpResponse:
    varying = [SecretPart(text.encode()) for text in (get_token(request), uuid.uuid4().hex)]
    return response_of_parts(request, (part if isinstance(part, Part) else varying[part] for part in parts))


def find_body(request: HttpRequest, key: Hashable, page: PageKey | None, content_type: str) -> HttpResponse | None:
    """What `keep_body` has kept for the key, if there is a page that the user may see, to whose subject it belongs."""
    if page is None or (parts := PAGES.find(key)) is None:
        return None
    request.audit_subject = page.subject  # type: ignore[attr-defined]
    return response_of_parts(request, cast("list[Part]", parts), content_type)


def keep_body(request: HttpRequest, key: Hashable, make: Callable[[], str], content_type: str) -> HttpResponse:
    return response_of_parts(request, [keep_part(key, make)], content_type)


def keep_part(key: Hashable, make: Callable[[], str], is_current: Callable[[], bool] = lambda: True) -> Part:
    """Text that is no secret of a request, kept unless the key changed while it was made."""
    parts = PAGES.find(key)
    if parts is None:
        parts = [Part(make().encode())]
        if is_current():
            PAGES.keep(key, parts)
    return cast("Part", parts[0])


class QueryWhileKept(UserWarning):
    """A page that is to be kept looked something up that is not in its key: it is not kept. Tests fail."""


def _refuse_query(execute: object, sql: str, *args: object) -> NoReturn:
    raise QueryWhileKept(f"A page to be kept looks up {sql}")
