"""Everything that differs between machines, read from the environment.

ENVIRONMENT is `production` unless said otherwise, and production starts with nothing that it would
have to guess: a missing secret stops it with the name of the variable.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy
from kombu import Queue

from quizarena import garbage, logs
from quizarena.beat_schedule import BEAT_SCHEDULE
from quizarena.staff.proxies import parse_proxies

garbage.wait_for_the_apps()

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()

ENVIRONMENT = env.str("ENVIRONMENT", default="production")
if ENVIRONMENT not in ("production", "local", "test"):
    raise ImproperlyConfigured(
        f"ENVIRONMENT is {ENVIRONMENT!r}; set it to production, local or test."
    )
PRODUCTION = ENVIRONMENT == "production"


def secret(name: str, *, local: str, min_length: int) -> str:
    """Return the secret `name` from the environment; only outside production may it be `local`.

    Raises ImproperlyConfigured when production lacks it or has one too short to be a secret.
    """
    value: str = env.str(name, default="" if PRODUCTION else local)
    if PRODUCTION and (len(value) < min_length or value == local):
        raise ImproperlyConfigured(
            f"Set {name} to a secret of at least {min_length} characters and start again."
        )
    return value


def required(name: str) -> str:
    """Return the variable `name`; raise ImproperlyConfigured when it is missing or empty."""
    value: str = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set: use `make demo` on a laptop, or see .env.example."
        )
    return value


def keys(name: str, *, local: str) -> dict[str, str]:
    """Return the keys of `name` by their ids, in order: "new:secret,old:secret".

    Raises ImproperlyConfigured as `secret` does, for a pair that is none, for an id that stands
    there twice, and in production for any secret under 24 characters.
    """
    pairs = [pair.partition(":") for pair in secret(name, local=local, min_length=24).split(",")]
    found = {key_id: key for key_id, _, key in pairs}
    if not all(key_id and key for key_id, _, key in pairs):
        raise ImproperlyConfigured(f'Set {name} to "id:secret" pairs, separated by commas.')
    if len(found) < len(pairs):
        raise ImproperlyConfigured(f"Give every secret in {name} an id of its own.")
    if PRODUCTION and min(len(key) for key in found.values()) < 24:
        raise ImproperlyConfigured(
            f"Set every secret in {name} to at least 24 characters, besides its id."
        )
    return found


def outside_address(name: str, *, default: str = "") -> str:
    """Return the web address `name`, or `default` if it is empty.

    Raises ImproperlyConfigured for what is none, and in production for http:// to anywhere but this
    machine: the addresses of receivers are secrets.
    """
    value: str = env.str(name, default="") or default
    if not value:
        return value
    try:
        address = urlsplit(value)
        _ = address.port
    except ValueError:
        # Its words have a part of the address, and are no cause of ours.
        raise ImproperlyConfigured(f"{name} must be an https address.") from None
    is_local = address.hostname in ("localhost", "127.0.0.1", "::1")
    schemes = ("https", "http") if is_local or not PRODUCTION else ("https",)
    if address.scheme not in schemes or not address.hostname:
        raise ImproperlyConfigured(f"{name} must be an https address.")
    return value


SECRET_KEY = secret("SECRET_KEY", local="local-only-secret-key", min_length=50)
DEBUG = ENVIRONMENT == "local" and env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[] if PRODUCTION else ["*"])
if PRODUCTION and (not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS):
    raise ImproperlyConfigured("Set ALLOWED_HOSTS to the host names this site answers to.")
PUBLIC_URL = required("PUBLIC_URL") if PRODUCTION else env.str("PUBLIC_URL", default="")
CSRF_TRUSTED_ORIGINS = env.list(
    "CSRF_TRUSTED_ORIGINS", default=[PUBLIC_URL.rstrip("/")] if PUBLIC_URL else []
)

# --- Telegram -----------------------------------------------------------------------------------
TELEGRAM_BOT_TOKEN = secret("TELEGRAM_BOT_TOKEN", local="1:sandbox-token", min_length=20)
# Telegram sends it back with every webhook post (setWebhook: 1-256 of A-Z a-z 0-9 _ -).
TELEGRAM_WEBHOOK_SECRET = secret("TELEGRAM_WEBHOOK_SECRET", local="local-webhook", min_length=24)
TELEGRAM_API_URL = env.str("TELEGRAM_API_URL", default="https://api.telegram.org").rstrip("/")
TELEGRAM_BOT_USERNAME = env.str("TELEGRAM_BOT_USERNAME", default="quizarena_bot")
# Whether @BotFather has been asked for inline mode: without it Telegram refuses messages with a
# button that begins an inline query. The sandbox has it.
TELEGRAM_INLINE_MODE = env.bool(
    "TELEGRAM_INLINE_MODE", default=TELEGRAM_API_URL != "https://api.telegram.org"
)
if PRODUCTION and urlsplit(TELEGRAM_API_URL).scheme != "https":
    raise ImproperlyConfigured("TELEGRAM_API_URL must be an https address in production.")
# What signs the payloads of invoices, and what promo codes are hashed with: "id:secret" pairs. The
# first is used for what is new, all of them for what is there.
PAYMENT_PAYLOAD_KEYS = keys("PAYMENT_PAYLOAD_KEYS", local="local:local-payload-key")
PROMO_PEPPERS = keys("PROMO_PEPPERS", local="local:local-promo-pepper")
# The limits below hold until Security sets others (quizarena/staff/limits.py).
# A refund of more Stars than this, or one with which a member of staff refunds more than that on a
# (business) day without anybody else, waits for a second person.
REFUND_APPROVAL_STARS = env.int("REFUND_APPROVAL_STARS", default=100)
REFUND_DAILY_STARS = env.int("REFUND_DAILY_STARS", default=500)
# A campaign that can cost more Stars than this needs a second person to start.
PROMO_APPROVAL_STARS: int = env.int("PROMO_APPROVAL_STARS", default=5_000)
# A broadcast to more players than this needs a second person.
BROADCAST_APPROVAL_PLAYERS: int = env.int("BROADCAST_APPROVAL_PLAYERS", default=10_000)
# Where alerts go besides the desk (quizarena/staff/alert_routing.py); what is empty is not used.
ALERT_SLACK_WEBHOOK_URL = outside_address("ALERT_SLACK_WEBHOOK_URL")
ALERT_PAGERDUTY_ROUTING_KEY: str = env.str("ALERT_PAGERDUTY_ROUTING_KEY", default="")
# Accounts in the EU: https://events.eu.pagerduty.com/v2/enqueue
ALERT_PAGERDUTY_URL = outside_address(
    "ALERT_PAGERDUTY_URL", default="https://events.pagerduty.com/v2/enqueue"
)
ALERT_WEBHOOK_URL = outside_address("ALERT_WEBHOOK_URL")
# What signs the posts to it.
ALERT_WEBHOOK_SECRET: str = env.str("ALERT_WEBHOOK_SECRET", default="")
if ALERT_WEBHOOK_URL and len(ALERT_WEBHOOK_SECRET) < 24:
    raise ImproperlyConfigured("Set ALERT_WEBHOOK_SECRET to a secret of at least 24 characters.")
# User names of staff with commas: their linked chats get alerts.
ALERT_TELEGRAM_STAFF: list[str] = [
    name.strip() for name in env.list("ALERT_TELEGRAM_STAFF", default=[]) if name.strip()
]
# Where docs/ can be read, so that alerts link to their runbooks: an address that continues with
# /docs/runbooks/payments.md.
DOCUMENTATION_URL = outside_address("DOCUMENTATION_URL")
# What Prometheus sends as a bearer token to /metrics; without one there is no such page.
METRICS_TOKEN: str = env.str("METRICS_TOKEN", default="")
if PRODUCTION and METRICS_TOKEN and len(METRICS_TOKEN) < 24:
    raise ImproperlyConfigured("Set METRICS_TOKEN to a secret of at least 24 characters.")
# Telegram sets no ceiling for answers to players; a number here sets one of our own.
OUTGOING_ANSWERS_PER_SECOND: int | None = env.int("OUTGOING_ANSWERS_PER_SECOND", default=0) or None
# What one player may do in a second; what is over it is dropped (bot/queue/inbox.py). 0 is no
# limit.
PLAYER_ACTIONS_PER_SECOND: int | None = env.int("PLAYER_ACTIONS_PER_SECOND", default=5) or None

# --- Applications -------------------------------------------------------------------------------
INSTALLED_APPS = [
    "quizarena.staff.desk_site.DeskSiteConfig",
    "unfold.contrib.filters",
    "unfold.contrib.import_export",
    # Its pages are imported with the addresses (urls.py): most processes have none.
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "axes",
    "django_celery_beat",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "import_export",
    "pgtrigger",
    "rest_framework",
    "quizarena.players",
    "quizarena.staff",
    "quizarena.api",
    "economy",
    "promos",
    "quizarena.game",
    "payments",
    "quizarena.ops",
    "bot",
]
MIDDLEWARE = [
    "quizarena.web_guard.middleware",
    "quizarena.staff.proxies.TrustedProxies",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "quizarena.staff.content_policy.ContentPolicy",
    "quizarena.staff.post_only.PostOnlyPage",
    # Last: what a password alone does not open, nothing behind it opens.
    "quizarena.staff.gate.Gate",
]
ROOT_URLCONF = "quizarena.urls"
WSGI_APPLICATION = "quizarena.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # What replaces a template of an app that comes first in INSTALLED_APPS.
        "DIRS": [BASE_DIR / "quizarena" / "staff" / "overrides"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- State --------------------------------------------------------------------------------------
required("DATABASE_URL")
DATABASES = {
    "default": {
        **env.db_url("DATABASE_URL"),
        # Persistent, without a SELECT 1 before each request: whoever meets a broken connection
        # answers 503 or tries again, and the next one opens a new connection.
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "connect_timeout": 5,
            # What a connection has run three times is prepared on the server: of a purchase that
            # saves PostgreSQL two fifths of its work. A PgBouncer in transaction mode would have to
            # be 1.22 or later, with max_prepared_statements set.
            "server_side_binding": True,
            "prepare_threshold": 3,
            "application_name": env.str("PROCESS_NAME", default="quizarena"),
        },
    }
}
# PostgreSQL knows two of us: the application, which is the role of DATABASE_URL, and the owner of
# the tables, which only `manage.py migrate` is (quizarena/ops/database_roles.py).
DATABASE_APPLICATION: dict[str, str] = {
    part: DATABASES["default"][part] for part in ("USER", "PASSWORD")
}
DATABASE_OWNER: dict[str, Any] | None = None
if env.str("DATABASE_OWNER_URL", default=""):
    _owner = env.db_url("DATABASE_OWNER_URL")
    # Where it is, too: the owner does not have to go through a pool of connections. The database is
    # that of DATABASE_URL in any case.
    DATABASE_OWNER = {part: _owner[part] for part in ("HOST", "PORT", "USER", "PASSWORD")}
REDIS_URL = required("REDIS_URL")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
}

# --- Time and language --------------------------------------------------------------------------
# The business time zone: a "day" in a rule is a day here (product.md section 1). Stored is UTC.
TIME_ZONE = env.str("BUSINESS_TIME_ZONE", default="Europe/Berlin")
USE_TZ = True
USE_I18N = True
LANGUAGE_CODE = "en"  # Of the admin; a player's own language is set for each update.
# And `Language` of quizarena/players/models.py; README.md says what else a language needs.
LANGUAGES = [("de", "Deutsch"), ("en", "English"), ("uk", "Українська")]
LOCALE_PATHS = [BASE_DIR / "bot" / "locale"]
FORMAT_MODULE_PATH = ["quizarena.formats"]

# --- Web ----------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles" if PRODUCTION else None
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# What `make handbook` builds.
HANDBOOK_ROOT = BASE_DIR / "site"
WHITENOISE_USE_FINDERS = not PRODUCTION
# Every client of the tests makes the middleware anew, which would look at every file first.
WHITENOISE_AUTOREFRESH = ENVIRONMENT == "test"
PASSWORD_HASHERS = ["quizarena.staff.hashers.OneAtATime"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    # Validates nothing: it writes every change of a password into the audit log.
    {"NAME": "quizarena.staff.audit.PasswordChanges"},
]
AUTHENTICATION_BACKENDS = ["quizarena.staff.accounts.StaffBackend"]
# Staff's second factor: `required` of every account, or `optional`, which asks only who has set one
# up, and Security. For demonstrations.
STAFF_SECOND_FACTOR = env.str("STAFF_SECOND_FACTOR", default="required")
if STAFF_SECOND_FACTOR not in ("required", "optional"):
    raise ImproperlyConfigured("Set STAFF_SECOND_FACTOR to required or optional.")
if PRODUCTION and STAFF_SECOND_FACTOR != "required":
    raise ImproperlyConfigured("STAFF_SECOND_FACTOR must be required in production.")
OTP_TOTP_ISSUER = "Quiz Arena"
# Lock-outs are read from our own counts of failed sign-ins (quizarena/staff/sign_ins.py).
AXES_HANDLER = "quizarena.staff.sign_ins.LockOuts"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# The form itself says who is locked out (quizarena/staff/forms.py), in place of its middleware.
SILENCED_SYSTEM_CHECKS = ["axes.W002"]
# Twelve hours at most; half an hour without a request is quizarena/staff/sessions.py's.
SESSION_ENGINE = "quizarena.staff.sessions"
SESSION_COOKIE_AGE = 12 * 3_600
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
# Whose X-Forwarded-For is believed: how many proxies stand in front, or their networks with commas.
try:
    TRUSTED_PROXIES = parse_proxies(env.str("TRUSTED_PROXIES", default=""))
except ValueError as error:
    raise ImproperlyConfigured(
        "Set TRUSTED_PROXIES to the number of proxies in front of web, or to their networks: "
        f"10.0.0.0/8,192.0.2.1 ({error})."
    ) from error
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
if PRODUCTION:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    # Health checks and Prometheus come from inside, without TLS.
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
    SECURE_HSTS_SECONDS = 365 * 86_400
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

# --- Jobs ---------------------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_QUEUES = [Queue(name) for name in ("critical", "default", "bulk")]
# A message carries nothing that a tick would not find, so none has to come back; and one that is
# acknowledged late kills its worker when Redis goes away under it (kombu, restore_unacked).
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 2,
    "socket_timeout": 10,
    "retry_on_timeout": True,
}
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULE = BEAT_SCHEDULE

# --- API ----------------------------------------------------------------------------------------
# How often each client may ask: a number per sec, min, hour or day.
API_RATE = env.str("API_RATE", default="120/min")
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["quizarena.api.parsing.SmallJsonParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["quizarena.api.authentication.BearerToken"],
    "DEFAULT_PERMISSION_CLASSES": ["quizarena.api.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["quizarena.api.throttling.PerClient"],
    "EXCEPTION_HANDLER": "quizarena.api.problems.respond",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Quiz Arena",
    "DESCRIPTION": "Public API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "ENUM_NAME_OVERRIDES": {
        "PurchaseStatus": "payments.models.PurchaseStatus",
        "RefundSource": "payments.models.RefundSource",
        "Plan": "economy.goods.Plan",
        "CampaignKind": "promos.models.CampaignKind",
        "CampaignStatus": "promos.models.CampaignStatus",
        "CampaignTarget": "promos.api.campaigns.TARGETS",
        "DiscountScope": "promos.models.Scope",
        "RedemptionStatus": "promos.models.RedemptionStatus",
    },
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "quizarena.api.schema.add_problems",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- Logs ---------------------------------------------------------------------------------------
LOGGING = logs.configure(
    style=env.str("LOG_FORMAT", default="json"), level=env.str("LOG_LEVEL", default="INFO")
)
LOGGING_CONFIG = "logging.config.dictConfig"
# It believes any X-Forwarded-For; quizarena.staff.proxies knows the address.
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False

# --- The operators' desk --------------------------------------------------------------------------
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Quiz Arena",
    "SITE_HEADER": "Quiz Arena",
    "SITE_SUBHEADER": f"Times are {TIME_ZONE}",
    "SITE_SYMBOL": "school",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _: static("staff/icon.svg"),
        }
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "quizarena.staff.home.front_page",
    "STYLES": [lambda _: static("staff/desk.css")],
    # The box above the sidebar opens the command palette (quizarena/staff/search_page.py).
    "SIDEBAR": {
        "navigation": "quizarena.staff.navigation.sidebar",
        "show_search": True,
        "command_search": True,
    },
    "LOGIN": {"form": "quizarena.staff.forms.SignInForm"},
    "ACCOUNT": {
        "navigation": [
            {"title": "Handbook", "link": reverse_lazy("handbook", args=[""])},
            {"title": "My sign-in", "link": reverse_lazy("my_sign_in")},
            {"title": "Change password", "link": reverse_lazy("admin:password_change")},
        ]
    },
}
