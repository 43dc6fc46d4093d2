"""Every address of the site, room by room."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("advisor.web.urls")),
    path("", include("advisor.server.urls")),
    path("api/v1/", include("advisor.web.api.urls")),
    path("admin/queues/", include("advisor.server.queue_pages")),
    path(
        "admin/password_change/", RedirectView.as_view(pattern_name="change-password"), name="admin-change-password"
    ),  # the admin's own would let a current password be guessed
    path("admin/", admin.site.urls),
]

handler400 = "advisor.web.refusals.bad_request"
handler403 = "advisor.web.refusals.permission_denied"
handler404 = "advisor.web.refusals.page_not_found"
handler500 = "advisor.web.refusals.server_error"
