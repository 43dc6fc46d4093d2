"""Links to this site, as they are given to people elsewhere."""

from django.conf import settings
from django.http import HttpRequest


def absolute_link(request: HttpRequest, address: str) -> str:
    """The address at the public URL; at the one that was asked if none is configured."""
    public = (settings.CONFIGURATION.public_url or "").rstrip("/")
    return f"{public}{address}" if public else request.build_absolute_uri(address)
