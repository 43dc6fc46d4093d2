"""Every address of the site, room by room."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("advisor.web.urls")),
    path("", include("advisor.server.urls")),
    path("admin/queues/", include("advisor.server.queue_pages")),
    path("admin/", admin.site.urls),
]

handler400 = "advisor.web.views.errors.bad_request"
handler403 = "advisor.web.views.errors.permission_denied"
handler404 = "advisor.web.views.errors.page_not_found"
handler500 = "advisor.web.views.errors.server_error"
