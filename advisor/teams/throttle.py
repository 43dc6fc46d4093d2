"""Limits of wrong passwords and links, by account and by address."""

import ipaddress
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from math import ceil

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import DateTimeField, F, GenericIPAddressField, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from advisor.teams.links import digest_of
from advisor.teams.models import User
from advisor.teams.prepared_queries import Given, PreparedQuery
from core.numbers import count

log = logging.getLogger(__name__)

IPV6_CUSTOMER_BITS = 64
"""A customer of an IPv6 network usually has all addresses that share the first 64 bits."""
LONGEST_USERNAME = 255
"""The longest that a row of attempts holds; account names are shorter."""


class TooManyAttempts(Exception):
    """An address has tried too many wrong links; it has to wait for `wait_s`."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s


class SignInThrottle(AxesDatabaseHandler):  # type: ignore[misc]
    """django-axes' rows and commands, with a limit for accounts and another for addresses.

    An attempt is counted before its password is checked, so that guesses sent in parallel are counted, too. Refused
    attempts are not counted, so the wait ends at the time that was shown.
    """

    def is_allowed(self, request: HttpRequest, credentials: Mapping[str, str] | None = None) -> bool:
        username = ((credentials or {}).get("username") or "")[:LONGEST_USERNAME]
        wait_s = seconds_to_wait(username, client_address(request))
        if not wait_s:
            count_attempt(request, username)
            wait_s = seconds_to_wait(username, client_address(request), in_hand=1)
        request.sign_in_wait_s = wait_s  # type: ignore[attr-defined]
        return not wait_s

    def user_login_failed(
        self, sender: object, credentials: Mapping[str, str], request: HttpRequest | None = None, **kwargs: object
    ) -> None:
        """Log the name only if there is such an account: people type passwords into the wrong field."""
        wait_s = wait_of(request) if request else 0
        username = credentials.get("username", "")
        known = User.objects.filter(username=username).exists()
        log.log(
            logging.WARNING if wait_s else logging.INFO,
            "Sign-in %s: account %s, address %s",
            f"refused for {wait_s} s after too many attempts" if wait_s else "failed",
            repr(username) if known else "(no such account)",
            client_address(request) if request else None,
        )

    def user_logged_in(self, sender: object, request: HttpRequest, user: User, **kwargs: object) -> None:
        """Attempts of its address against other accounts stay counted."""
        forget_attempts(user)

    def user_logged_out(self, *args: object, **kwargs: object) -> None:
        pass


def connection_address(request: HttpRequest) -> str | None:
    """The address as the web server reports it, never a header's."""
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", "").partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def client_address(request: HttpRequest) -> str | None:
    """The address by which attempts are counted: of an IPv6 address its network."""
    address = connection_address(request)
    if address is None or ":" not in address:
        return address
    return str(ipaddress.ip_network((address, IPV6_CUSTOMER_BITS), strict=False).network_address)


def seconds_to_wait(username: str, address: str | None, in_hand: int = 0) -> int:
    """Until both the account and the address are below their limits; 0 if they are. `in_hand` attempts are not counted."""
    configuration = settings.CONFIGURATION
    limits: list[tuple[QuerySet[AccessAttempt], int]] = []
    if username:
        limits.append((AccessAttempt.objects.filter(username=username), configuration.sign_in_attempts_per_account))
    if address:
        limits.append((AccessAttempt.objects.filter(ip_address=address), configuration.sign_in_attempts_per_address))
    return max((_seconds_until_below(rows, limit + in_hand) for rows, limit in limits), default=0)


def count_attempt(request: HttpRequest, username: str = "") -> None:
    now = timezone.now()
    AccessAttempt.objects.filter(attempt_time__lte=now - _cool_off()).delete()
    row, is_new = AccessAttempt.objects.get_or_create(
        username=username,
        ip_address=client_address(request) or "::",
        user_agent="",
        defaults={"failures_since_start": 1, "path_info": request.path[:255]},
    )
    if not is_new:
        AccessAttempt.objects.filter(pk=row.pk).update(
            failures_since_start=F("failures_since_start") + 1, attempt_time=now
        )


def forget_attempts(user: User) -> int:
    return int(AccessAttempt.objects.filter(username=user.get_username()).delete()[0])


_ATTEMPTS = PreparedQuery(
    lambda: (
        AccessAttempt.objects.filter(
            ip_address=Given(0, GenericIPAddressField()), attempt_time__gt=Given(1, DateTimeField())
        )
        .order_by()
        .values_list("failures_since_start")
    )
)


def check_throttle(request: HttpRequest) -> None:
    """Raise TooManyAttempts if the address has tried too many wrong links."""
    address = client_address(request)
    attempts = _ATTEMPTS(address, timezone.now() - _cool_off()) if address else ()
    if sum(failures for (failures,) in attempts) < settings.CONFIGURATION.sign_in_attempts_per_address:
        return
    wait_s = seconds_to_wait("", address)
    if wait_s:
        log.warning("Link refused for %d s after too many attempts: address %s", wait_s, client_address(request))
        raise TooManyAttempts(wait_s)


def count_request_for_link(request: HttpRequest, email: str) -> None:
    """Count that a link was asked for, as a wrong password is counted, whether or not there is such an account.

    Raise TooManyAttempts if too many were asked for this address, or from this connection's.
    """
    name = f"link for {digest_of(email.casefold())[:32]}"  # no account's: a name has no spaces
    wait_s = seconds_to_wait(name, client_address(request))
    if wait_s:
        log.warning("Email refused for %d s after too many attempts: address %s", wait_s, client_address(request))
        raise TooManyAttempts(wait_s)
    count_attempt(request, name)


def wait_of(request: HttpRequest) -> int:
    wait_s: int = getattr(request, "sign_in_wait_s", 0)
    return wait_s


def wait_sentence(wait_s: int) -> str:
    """The same for every account, whether it exists or not."""
    return f"Too many attempts. Try again in {count(ceil(wait_s / 60), 'minute')}."


class RefusedAttempts:
    """Set status and header of a page that refuses an attempt.

    It replaces django-axes' own middleware, which loses the page under ASGI.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        wait_s = wait_of(request)
        if wait_s:
            response.status_code = 429
            response["Retry-After"] = str(wait_s)
        return response


def _seconds_until_below(attempts: "QuerySet[AccessAttempt]", limit: int) -> int:
    now, cool_off = timezone.now(), _cool_off()
    rows: list[tuple[int, datetime]] = list(
        attempts.filter(attempt_time__gt=now - cool_off)
        .order_by("attempt_time")
        .values_list("failures_since_start", "attempt_time")
    )
    failed = sum(failures for failures, _ in rows)
    wait_s = 0
    for failures, last in rows:
        if failed < limit:
            break
        wait_s = max(1, ceil((last + cool_off - now).total_seconds()))
        failed -= failures
    return wait_s


def _cool_off() -> timedelta:
    return timedelta(minutes=settings.CONFIGURATION.sign_in_cool_off_minutes)
