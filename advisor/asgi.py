"""The ASGI entry that uvicorn serves."""

import os

from django.core.asgi import get_asgi_application

from advisor.web.request_limits import LARGEST_BODY_BYTES, LimitedBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "advisor.settings")

application = LimitedBodies(get_asgi_application(), LARGEST_BODY_BYTES)
