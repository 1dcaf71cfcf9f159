"""Settings, from the environment only; docs/settings.md lists the variables."""

import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dj_database_url
import django_stubs_ext

from voipnumber.env import Environment, local_host_name
from voipnumber.private import close_files

# Lets Django's generic classes take their type parameters at run time.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
_env = Environment()

# --- ours -------------------------------------------------------------------------------------
VOIPNUMBER_DATA = _env.folder("VOIPNUMBER_DATA", BASE_DIR / "data")
VOIPNUMBER_SIP_TLS_CERTIFICATE = _env.file("VOIPNUMBER_SIP_TLS_CERTIFICATE")
VOIPNUMBER_SIP_TLS_KEY = _env.file("VOIPNUMBER_SIP_TLS_KEY")
VOIPNUMBER_SIP_TLS_AUTHORITIES = _env.file("VOIPNUMBER_SIP_TLS_AUTHORITIES")
VOIPNUMBER_SIP_TLS_CLIENTS = _env.choice(
    "VOIPNUMBER_SIP_TLS_CLIENTS", "off", ("off", "optional", "required")
)
VOIPNUMBER_SIP_TLS_HANDSHAKE_S = _env.seconds(
    "VOIPNUMBER_SIP_TLS_HANDSHAKE_S", 5, minimum=1, maximum=60
)
VOIPNUMBER_SIP_TLS_NAME = _env.host_name("VOIPNUMBER_SIP_TLS_NAME")
VOIPNUMBER_SIP_LISTEN = _env.sip_listen(
    "VOIPNUMBER_SIP_LISTEN",
    "udp:0.0.0.0:5060,tcp:0.0.0.0:5060"
    + (",tls:0.0.0.0:5061" if VOIPNUMBER_SIP_TLS_CERTIFICATE else ""),
)
VOIPNUMBER_PUBLIC_ADDRESS = _env.ip_address("VOIPNUMBER_PUBLIC_ADDRESS")
VOIPNUMBER_PUBLIC_ADDRESSES = _env.address_pairs("VOIPNUMBER_PUBLIC_ADDRESSES")
VOIPNUMBER_STUN_SERVER = _env.optional_host_port("VOIPNUMBER_STUN_SERVER")
VOIPNUMBER_DNS_SERVERS = _env.name_servers("VOIPNUMBER_DNS_SERVERS")
VOIPNUMBER_GATEWAY_TIMEOUT_S = _env.seconds(
    "VOIPNUMBER_GATEWAY_TIMEOUT_S", 4, minimum=0.5, maximum=32
)
VOIPNUMBER_RTP_PORTS = _env.port_range("VOIPNUMBER_RTP_PORTS", "10000-20000")
VOIPNUMBER_HTTP = _env.host_port("VOIPNUMBER_HTTP", "127.0.0.1:8000")
VOIPNUMBER_SOUND_LISTEN = _env.sound_listen("VOIPNUMBER_SOUND_LISTEN", "127.0.0.1:0")
VOIPNUMBER_REALM = _env.word(
    "VOIPNUMBER_REALM",
    "voipnumber",
    pattern=r"[A-Za-z0-9._@-]{1,100}",
    allowed="1 to 100 of A-Z a-z 0-9 . _ @ -",
)
VOIPNUMBER_MAX_CALLS = _env.integer("VOIPNUMBER_MAX_CALLS", 100, minimum=1, maximum=4000)
VOIPNUMBER_RESERVED_PERCENT = _env.integer("VOIPNUMBER_RESERVED_PERCENT", 10, minimum=0, maximum=90)
VOIPNUMBER_EXTERNAL_CALLS = _env.integer("VOIPNUMBER_EXTERNAL_CALLS", 50, minimum=1, maximum=4000)
VOIPNUMBER_EXTERNAL_CALLS_PER_MINUTE = _env.integer(
    "VOIPNUMBER_EXTERNAL_CALLS_PER_MINUTE", 300, minimum=1, maximum=100000
)
VOIPNUMBER_TRUNK_CALLS_PER_MINUTE = _env.integer(
    "VOIPNUMBER_TRUNK_CALLS_PER_MINUTE", 12000, minimum=1, maximum=100000
)
VOIPNUMBER_MAX_CALL_S = _env.seconds(
    "VOIPNUMBER_MAX_CALL_S", 4 * 3600, minimum=1, maximum=7 * 24 * 3600
)
VOIPNUMBER_RING_TIMEOUT_S = _env.seconds("VOIPNUMBER_RING_TIMEOUT_S", 60, minimum=1, maximum=600)
VOIPNUMBER_MEDIA_ALSO_FROM = _env.networks("VOIPNUMBER_MEDIA_ALSO_FROM")
VOIPNUMBER_MEDIA_TIMEOUT_S = _env.seconds(
    "VOIPNUMBER_MEDIA_TIMEOUT_S", 60, minimum=0, maximum=86_400
)
VOIPNUMBER_CAPTURE_MINUTES = _env.integer("VOIPNUMBER_CAPTURE_MINUTES", 30, minimum=1, maximum=1440)
VOIPNUMBER_CAPTURE_MB = _env.integer("VOIPNUMBER_CAPTURE_MB", 50, minimum=1, maximum=100_000)
VOIPNUMBER_CAPTURES_MB = _env.integer("VOIPNUMBER_CAPTURES_MB", 1000, minimum=1, maximum=10_000_000)
VOIPNUMBER_KEEP_DAYS = _env.integer("VOIPNUMBER_KEEP_DAYS", 90, minimum=0, maximum=36_500)
VOIPNUMBER_GRACE_S = _env.seconds("VOIPNUMBER_GRACE_S", 30, minimum=0, maximum=3600)
VOIPNUMBER_STRANGER_RATE = _env.integer("VOIPNUMBER_STRANGER_RATE", 60, minimum=1, maximum=100000)
VOIPNUMBER_STRANGER_INVITE_RATE = _env.integer(
    "VOIPNUMBER_STRANGER_INVITE_RATE", 20, minimum=1, maximum=100000
)
VOIPNUMBER_ALL_STRANGERS_RATE = _env.integer(
    "VOIPNUMBER_ALL_STRANGERS_RATE", 400, minimum=1, maximum=100000
)
VOIPNUMBER_ALL_STRANGERS_INVITE_RATE = _env.integer(
    "VOIPNUMBER_ALL_STRANGERS_INVITE_RATE", 100, minimum=1, maximum=100000
)
VOIPNUMBER_PHONE_RATE = _env.integer("VOIPNUMBER_PHONE_RATE", 100, minimum=1, maximum=100000)
VOIPNUMBER_PHONE_INVITE_RATE = _env.integer(
    "VOIPNUMBER_PHONE_INVITE_RATE", 20, minimum=1, maximum=100000
)
VOIPNUMBER_TRUNK_RATE = _env.integer("VOIPNUMBER_TRUNK_RATE", 1000, minimum=1, maximum=100000)
VOIPNUMBER_TRUNK_INVITE_RATE = _env.integer(
    "VOIPNUMBER_TRUNK_INVITE_RATE", 200, minimum=1, maximum=100000
)
VOIPNUMBER_BAN_FAILURES = _env.integer("VOIPNUMBER_BAN_FAILURES", 10, minimum=1, maximum=1000)
VOIPNUMBER_BAN_USERS = _env.integer("VOIPNUMBER_BAN_USERS", 10, minimum=2, maximum=200)
VOIPNUMBER_BAN_WINDOW_S = _env.seconds("VOIPNUMBER_BAN_WINDOW_S", 300, minimum=1, maximum=86400)
VOIPNUMBER_BAN_S = _env.seconds("VOIPNUMBER_BAN_S", 600, minimum=0, maximum=86400)
VOIPNUMBER_LATE_MS = _env.integer("VOIPNUMBER_LATE_MS", 200, minimum=50, maximum=60_000)
VOIPNUMBER_TCP_MESSAGE_S = _env.seconds("VOIPNUMBER_TCP_MESSAGE_S", 32, minimum=1, maximum=600)
VOIPNUMBER_SIP_KEEPALIVE_S = _env.seconds("VOIPNUMBER_SIP_KEEPALIVE_S", 0, minimum=0, maximum=300)
VOIPNUMBER_NONCE_ANY_ADDRESS = _env.boolean("VOIPNUMBER_NONCE_ANY_ADDRESS", default=False)
VOIPNUMBER_OWN_PROXIES = _env.networks("VOIPNUMBER_OWN_PROXIES")
VOIPNUMBER_NODE = _env.word(
    "VOIPNUMBER_NODE",
    local_host_name(),
    pattern=r"[A-Za-z0-9._-]{1,100}",
    allowed="1 to 100 of A-Z a-z 0-9 . _ -",
)
VOIPNUMBER_NODE_LOST_S = _env.seconds("VOIPNUMBER_NODE_LOST_S", 60, minimum=10, maximum=3600)
VOIPNUMBER_ALLOWED_HOSTS = _env.hosts("VOIPNUMBER_ALLOWED_HOSTS")
VOIPNUMBER_TLS_PROXY = _env.boolean("VOIPNUMBER_TLS_PROXY", default=False)
"Whether a proxy in front ends TLS and sets X-Forwarded-Proto itself on every request."
VOIPNUMBER_HTTP_BODY_BYTES = _env.integer(
    "VOIPNUMBER_HTTP_BODY_BYTES", 1024 * 1024, minimum=64 * 1024, maximum=100 * 1024 * 1024
)
VOIPNUMBER_HTTP_REQUEST_S = _env.seconds("VOIPNUMBER_HTTP_REQUEST_S", 30, minimum=1, maximum=600)
VOIPNUMBER_HTTP_CONNECTIONS = _env.integer(
    "VOIPNUMBER_HTTP_CONNECTIONS", 500, minimum=10, maximum=50_000
)
VOIPNUMBER_HTTP_CONNECTIONS_PER_ADDRESS = _env.integer(
    "VOIPNUMBER_HTTP_CONNECTIONS_PER_ADDRESS", 100, minimum=5, maximum=50_000
)
VOIPNUMBER_WEBSOCKETS_PER_SESSION = _env.integer(
    "VOIPNUMBER_WEBSOCKETS_PER_SESSION", 20, minimum=1, maximum=1000
)
VOIPNUMBER_WEBSOCKETS_PER_USER = _env.integer(
    "VOIPNUMBER_WEBSOCKETS_PER_USER", 100, minimum=1, maximum=10_000
)
VOIPNUMBER_SIGN_IN_FAILURES = _env.integer(
    "VOIPNUMBER_SIGN_IN_FAILURES", 5, minimum=2, maximum=1000
)
VOIPNUMBER_SIGN_IN_FAILURES_PER_ADDRESS = _env.integer(
    "VOIPNUMBER_SIGN_IN_FAILURES_PER_ADDRESS", 30, minimum=2, maximum=100_000
)
VOIPNUMBER_SIGN_IN_FAILURES_PER_USER = _env.integer(
    "VOIPNUMBER_SIGN_IN_FAILURES_PER_USER", 100, minimum=2, maximum=1_000_000
)
VOIPNUMBER_SIGN_IN_HOLD_S = _env.seconds(
    "VOIPNUMBER_SIGN_IN_HOLD_S", 900, minimum=1, maximum=86_400
)
VOIPNUMBER_SIGN_INS_WAITING = _env.integer("VOIPNUMBER_SIGN_INS_WAITING", 8, minimum=1, maximum=100)
VOIPNUMBER_BUILTIN_AGENT = _env.loopback("VOIPNUMBER_BUILTIN_AGENT", "127.0.0.1:8070")
VOIPNUMBER_MAIL_SERVER = _env.optional_host_port("VOIPNUMBER_MAIL_SERVER")
VOIPNUMBER_MAIL_TLS = _env.choice("VOIPNUMBER_MAIL_TLS", "starttls", ("starttls", "tls", "off"))
VOIPNUMBER_MAIL_FROM = _env.mail_addresses("VOIPNUMBER_MAIL_FROM")[:1]
VOIPNUMBER_ALERT_MAIL_TO = _env.mail_addresses("VOIPNUMBER_ALERT_MAIL_TO")
VOIPNUMBER_ALERT_WEBHOOK_LOCAL = _env.boolean("VOIPNUMBER_ALERT_WEBHOOK_LOCAL", default=False)
"Whether the webhook may be on this machine, and then without TLS."
VOIPNUMBER_ALERT_WEBHOOK = _env.webhook(
    "VOIPNUMBER_ALERT_WEBHOOK", plain=VOIPNUMBER_ALERT_WEBHOOK_LOCAL
)
VOIPNUMBER_NATIVE = _env.choice("VOIPNUMBER_NATIVE", "on", ("on", "off"))
VOIPNUMBER_RELAY = _env.choice("VOIPNUMBER_RELAY", "on", ("on", "off"))
VOIPNUMBER_LOG_LEVEL = _env.choice(
    "VOIPNUMBER_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")
)

# --- web --------------------------------------------------------------------------------------
DEBUG = _env.boolean("VOIPNUMBER_DEBUG", default=False)
SECRET_KEY = _env.secret("SECRET_KEY", VOIPNUMBER_DATA / "secret-key")
ALLOWED_HOSTS = [
    "127.0.0.1",
    "localhost",
    "[::1]",
    *VOIPNUMBER_ALLOWED_HOSTS,
    *([VOIPNUMBER_PUBLIC_ADDRESS] if VOIPNUMBER_PUBLIC_ADDRESS else []),
    *([VOIPNUMBER_HTTP.host] if VOIPNUMBER_HTTP.host not in ("0.0.0.0", "::") else []),  # noqa: S104
]
# The server cuts off what is longer; Django must not refuse what the server lets in.
DATA_UPLOAD_MAX_MEMORY_SIZE = VOIPNUMBER_HTTP_BODY_BYTES
WEBSOCKET_MESSAGE_BYTES = 1024
"All a page ever says over a websocket is one word."
CSRF_TRUSTED_ORIGINS = [
    f"https://{'*' if host.startswith('.') else ''}{host}"
    for host in VOIPNUMBER_ALLOWED_HOSTS
    if host != "*"
]

INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "channels",
    "django_filters",
    "django_htmx",
    # For its docs page, which would else load from a CDN.
    "ninja",
    "voipnumber",
    "audit",
    "audiocodecs",
    "connections",
    "trunks",
    "agents",
    "callengine",
    "provisioning",
    "api",
    "dashboard",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "voipnumber.middleware.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    "audit.middleware.ActorMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "dashboard.signin.throttle.ThrottlingBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_HANDLER = "dashboard.signin.throttle.Handler"
AXES_LOCKOUT_CALLABLE = "dashboard.signin.page.refused"
AXES_CLIENT_IP_CALLABLE = "web.addresses.client_site"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "ip_address"]
AXES_FAILURE_LIMIT = VOIPNUMBER_SIGN_IN_FAILURES
AXES_COOLOFF_TIME = datetime.timedelta(seconds=VOIPNUMBER_SIGN_IN_HOLD_S)
# Whoever is held back cannot be held back for ever by going on.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
ROOT_URLCONF = "voipnumber.urls"
ASGI_APPLICATION = "voipnumber.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
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
STATIC_URL = "static/"
# Only for who wants a proxy to serve them, by collectstatic; WhiteNoise wants it to exist.
STATIC_ROOT = VOIPNUMBER_DATA / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STATICFILES_DIRS = [
    BASE_DIR / "static",
    # Only the folders with what browsers load, each under its package's name.
    ("vendor/modern-normalize", BASE_DIR / "node_modules/modern-normalize"),
    ("vendor/sortablejs", BASE_DIR / "node_modules/sortablejs"),
    ("vendor/uplot", BASE_DIR / "node_modules/uplot/dist"),
]
# Found where they lie, at start: no collectstatic step between a clone and a page.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_ALLOW_ALL_ORIGINS = False

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"
PASSWORD_HASHERS = ["web.hashing.OneAtATimePBKDF2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

CONTENT_SECURITY_POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_ENGINE = "web.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = VOIPNUMBER_TLS_PROXY
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if VOIPNUMBER_TLS_PROXY else None

# --- storage ----------------------------------------------------------------------------------
_database_url = _env.url(
    "DATABASE_URL",
    f"sqlite:///{quote(str(VOIPNUMBER_DATA / 'voipnumber.sqlite3'))}",
    schemes=("sqlite", "postgres", "postgresql"),
)
DATABASES: dict[str, Any] = {"default": dj_database_url.parse(_database_url)}
_is_sqlite = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
if _is_sqlite:
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        # A writer waits its turn from BEGIN on; a deferred one would fail with "locked" when
        # it turns from reader to writer.
        transaction_mode="IMMEDIATE",
        timeout=20,
        init_command="PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    )
else:
    DATABASES["default"]["OPTIONS"] = {
        # Gives up soon: left to itself it tries again after 1, 2, 4 ... up to 256 s, so that a
        # server that was away for minutes would be missed for minutes more.
        "pool": {"min_size": 1, "max_size": 20, "timeout": 5, "reconnect_timeout": 4},
        "connect_timeout": 5,
        # A server whose machine is gone is noticed in this time, not in a quarter of an hour.
        "tcp_user_timeout": 10_000,
        **DATABASES["default"].get("OPTIONS", {}),
    }
SQLITE_FILE = str(DATABASES["default"]["NAME"]) if _is_sqlite else ""
close_files(VOIPNUMBER_DATA, SQLITE_FILE)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = _env.url("REDIS_URL", "", schemes=("redis", "rediss", "unix"))
CHANNEL_LAYERS: dict[str, Any] = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        # Waiting for the next message is not a time-out: channels blocks for 5 s at a time.
        "CONFIG": {
            "hosts": [{"address": REDIS_URL, "socket_timeout": 30}],
            "capacity": 1000,
            "expiry": 10,
            # A page may stay open on a wall for weeks.
            "group_expiry": 60 * 60 * 24 * 60,
        },
    }
    if REDIS_URL
    else {
        "BACKEND": "channels.layers.InMemoryChannelLayer",
        "CONFIG": {"capacity": 1000, "expiry": 10},
    }
}

# --- mail -------------------------------------------------------------------------------------
EMAIL_HOST, EMAIL_PORT = VOIPNUMBER_MAIL_SERVER or ("", 25)
EMAIL_HOST_USER = _env.text("VOIPNUMBER_MAIL_USER")
EMAIL_HOST_PASSWORD = _env.text("VOIPNUMBER_MAIL_PASSWORD")
EMAIL_USE_TLS = VOIPNUMBER_MAIL_TLS == "starttls"
EMAIL_USE_SSL = VOIPNUMBER_MAIL_TLS == "tls"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = (*VOIPNUMBER_MAIL_FROM, f"voipnumber@{local_host_name()}")[0]

# --- the rest ---------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
    },
    "filters": {
        "brief": {"()": "voipnumber.logs.WithoutTraceback"},
        "answers": {"()": "voipnumber.logs.AnswersFilter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "plain",
            "filters": ["brief"],
        },
    },
    "root": {"handlers": ["console"], "level": VOIPNUMBER_LOG_LEVEL},
    "loggers": {
        # Their own handlers would print everything twice.
        "django": {"handlers": [], "propagate": True, "level": VOIPNUMBER_LOG_LEVEL},
        "django.request": {"filters": ["answers"]},
        "django.server": {"handlers": [], "propagate": True},
        # At DEBUG these show SQL parameters and channel messages.
        "django.db.backends": {"level": "INFO"},
        "daphne": {"level": "WARNING"},
        "asyncio": {"level": "WARNING"},
        # Says every step and hides who it is about; ours says who is held back.
        "axes": {"level": "ERROR"},
    },
}
