"""Every address of the site, room by room."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("advisor.server.urls")),
    path("admin/queues/", include("advisor.server.queue_pages")),
    path("admin/", admin.site.urls),
]
