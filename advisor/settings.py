"""Django's settings, from the environment by way of `configuration`."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF

from advisor.configuration import read_configuration
from advisor.places import SHIPPED_FILES
from advisor.server import logs

CONFIGURATION = read_configuration()

SECRET_KEY = CONFIGURATION.signing_key()
DEBUG = CONFIGURATION.debug
ALLOWED_HOSTS = CONFIGURATION.allowed_hosts
CSRF_TRUSTED_ORIGINS = [CONFIGURATION.public_url] if CONFIGURATION.public_url else []

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_htmx",
    "template_partials",
    "django_rq",
    "advisor.teams",
    "advisor.decisions",
    "advisor.server",
    "advisor.web",
]

MIDDLEWARE = [
    "advisor.server.health.OperatorPages",  # first: they are asked by address, over plain HTTP, with the database down
    "advisor.server.request_ids.RequestIds",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # adds bytes at random, and each page masks its CSRF token anew, so that lengths tell nothing
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "advisor.teams.session_store.SessionUsers",
    "advisor.teams.middleware.SessionNotes",
    "advisor.teams.middleware.LocalAccess",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "advisor.teams.middleware.CurrentWorkspace",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "advisor.web.audit.AuditTrail",
    "advisor.web.refusals.Refusals",
    "advisor.teams.throttle.RefusedAttempts",
]

ROOT_URLCONF = "advisor.urls"
ASGI_APPLICATION = "advisor.asgi.application"
WSGI_APPLICATION = "advisor.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [SHIPPED_FILES / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]


LOCK_PATIENCE_S = 4
"""How long a write waits while another one holds SQLite's lock, before the page says that the database is busy."""


def _database() -> dict[str, Any]:
    if CONFIGURATION.database_url:
        database = dj_database_url.parse(CONFIGURATION.database_url, conn_max_age=60, conn_health_checks=True)
        if database["ENGINE"] == "django.db.backends.postgresql":
            database["ENGINE"] = "advisor.server.postgresql"
        return dict(database)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": CONFIGURATION.data / "crossover.sqlite3",
        "OPTIONS": {
            "timeout": LOCK_PATIENCE_S,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
        },
    }


KEPT_PAGES_FOLDER: Path | None = None
"""What the web processes of an `up` share; the command that serves pages sets it."""

DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# In the order in which workers look at them: what a user waits for begins between two parts of a map, not after the map.
SIMULATIONS_QUEUE, MAPS_QUEUE, BULK_QUEUE = QUEUES = ("simulations", "maps", "bulk")
RQ_QUEUES = {
    name: {
        "URL": CONFIGURATION.broker_url,
        "DEFAULT_TIMEOUT": CONFIGURATION.run_time_limit_s,
        "SERIALIZER": "rq.serializers.JSONSerializer",
    }
    for name in QUEUES
}
RQ_SHOW_ADMIN_LINK = False  # its pages are at /admin/queues/, for superusers alone

LOGGING = logs.logging_settings(CONFIGURATION.log_level, CONFIGURATION.log_format)

AUTH_USER_MODEL = "teams.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "advisor.teams.site_words.SiteWordsValidator"},
]

PASSWORD_RESET_TIMEOUT = 3600  # seconds for which a link that was asked for by email holds

MAIL_PATIENCE_S = 5
"""How long a page waits for each answer of the mail server."""

if _MAIL := CONFIGURATION.mail_server:
    EMAIL_HOST, EMAIL_PORT = _MAIL.host, _MAIL.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL.user, _MAIL.password
    EMAIL_USE_SSL, EMAIL_USE_TLS = _MAIL.scheme == "smtps", _MAIL.scheme == "smtp+tls"
    DEFAULT_FROM_EMAIL = SERVER_EMAIL = CONFIGURATION.email_from
EMAIL_TIMEOUT = MAIL_PATIENCE_S

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]

# django-axes throttles sign-in; how it counts is `advisor.teams.throttle`.
AXES_HANDLER = "advisor.teams.throttle.SignInThrottle"
AXES_CLIENT_IP_CALLABLE = "advisor.teams.throttle.client_address"
AXES_LOCKOUT_PARAMETERS = ["username", "ip_address"]
AXES_FAILURE_LIMIT = CONFIGURATION.sign_in_attempts_per_account
AXES_COOLOFF_TIME = timedelta(minutes=CONFIGURATION.sign_in_cool_off_minutes)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = CONFIGURATION.data / "static"
FILE_UPLOAD_PERMISSIONS = 0o600  # of collected static files; the data folder is readable by its owner alone
STATICFILES_DIRS = [SHIPPED_FILES / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "advisor.server.static.CollectedStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True

# In hosted mode a reverse proxy ends TLS; the web server takes the scheme from its X-Forwarded-Proto, if it is a trusted one.
_TLS = not CONFIGURATION.local
SECURE_SSL_REDIRECT = _TLS
SECURE_REDIRECT_EXEMPT = [r"^api/"]  # it refuses plain HTTP: a redirect would hide that a key was sent in the clear
SESSION_COOKIE_SECURE = _TLS
CSRF_COOKIE_SECURE = _TLS
# A browser takes a name with __Host- only over TLS, for this host and all its paths: no other host of the domain can set it.
SESSION_COOKIE_NAME = "__Host-sessionid" if _TLS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if _TLS else "csrftoken"
SECURE_HSTS_SECONDS = 31_536_000 if _TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _TLS and CONFIGURATION.hsts_include_subdomains
SECURE_HSTS_PRELOAD = _TLS and CONFIGURATION.hsts_preload
# Both commit hosts other than this one, which is up to the owner of the domain.
SILENCED_SYSTEM_CHECKS = [
    "security.W005",
    "security.W021",
    "axes.W002",
]  # RefusedAttempts is there in place of its middleware
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_ENGINE = "advisor.teams.session_store"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = int(CONFIGURATION.session_age.total_seconds())
CSRF_COOKIE_HTTPONLY = True

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}
