"""django-rq's own pages, for superusers: a requeued or deleted job is but a bell, the Run rows stay what they are."""

from collections.abc import Callable

from django.contrib.auth.decorators import user_passes_test
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseBase
from django.urls import URLPattern
from django_rq.urls import get_admin_urlpatterns, get_api_urlpatterns

from advisor.teams.models import User

View = Callable[..., HttpResponseBase]

app_name = "django_rq"


def superusers_only(view: View) -> View:
    """Strangers are sent to the login, other users are refused."""

    def allowed(user: User | AnonymousUser) -> bool:
        if user.is_authenticated and not user.is_superuser:
            raise PermissionDenied
        return user.is_active and user.is_superuser

    return user_passes_test(allowed, login_url="admin:login")(view)


def _guarded(pattern: URLPattern) -> URLPattern:
    """Those that django-rq would open to any token or staff member, too."""
    pattern.callback = superusers_only(pattern.callback)
    return pattern


urlpatterns = [*map(_guarded, get_api_urlpatterns()), *get_admin_urlpatterns(view_wrapper=superusers_only)]
