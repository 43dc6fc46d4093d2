"""django-rq's own pages, for superusers: a requeued or deleted job is only a notification, the Run rows stay what they are."""

import functools
from collections.abc import Callable
from typing import Any

import django_rq
import redis
from django.conf import settings
from django.contrib.auth.decorators import user_passes_test
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import URLPattern
from django_rq.urls import get_admin_urlpatterns, get_api_urlpatterns
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.worker import Worker

from advisor.teams.models import User

View = Callable[..., HttpResponseBase]
QUEUE_NUMBERS = ("queue_index", "connection_index")

app_name = "django_rq"


def superusers_only(view: View) -> View:
    def allowed(user: User | AnonymousUser) -> bool:
        if user.is_authenticated and not user.is_superuser:
            raise PermissionDenied
        return user.is_active and user.is_superuser

    return user_passes_test(allowed, login_url="admin:login")(_with_known_ids(view))


def _with_known_ids(view: View) -> View:
    """django-rq lets the exceptions of unknown ids through.

    Raises:
        Http404: if a queue, job, worker or scheduler of the address does not exist.
    """

    @functools.wraps(view)
    def checked(request: HttpRequest, *arguments: Any, **ids: Any) -> HttpResponseBase:
        is_known = (
            all(ids.get(name, 0) < len(settings.RQ_QUEUES) for name in QUEUE_NUMBERS)
            and "scheduler_index" not in ids  # of rq-scheduler, which is not installed
            and ("job_id" not in ids or Job.exists(ids["job_id"], _connection()))
            and ("key" not in ids or _is_worker(ids["key"]))
        )
        if not is_known:
            raise Http404
        try:
            return view(request, *arguments, **ids)
        except NoSuchJobError:
            raise Http404 from None

    return checked


def _is_worker(key: str) -> bool:
    is_key = key.startswith(Worker.redis_worker_namespace_prefix)
    return is_key and Worker.find_by_key(key, connection=_connection()) is not None


def _connection() -> redis.Redis:
    return django_rq.get_connection(settings.SIMULATIONS_QUEUE)


def _guarded(pattern: URLPattern) -> URLPattern:
    """Those that django-rq would open to any token or staff member, too."""
    pattern.callback = superusers_only(pattern.callback)
    return pattern


urlpatterns = [*map(_guarded, get_api_urlpatterns()), *get_admin_urlpatterns(view_wrapper=superusers_only)]
