"""The ASGI entry that uvicorn serves."""

import os

import django

from advisor.server.page_threads import PageHandler
from advisor.web.request_limits import LARGEST_BODY_BYTES, LimitedBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "advisor.settings")

django.setup(set_prefix=False)
application = LimitedBodies(PageHandler(), LARGEST_BODY_BYTES)
