"""The ASGI application: pages over HTTP, live pages over websockets."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "voipnumber.settings")
# Before the imports below: they need the models loaded.
http_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from django.urls import re_path  # noqa: E402

from dashboard.alerts import watching  # noqa: E402
from dashboard.routing import websocket_urlpatterns  # noqa: E402
from voipnumber import private  # noqa: E402
from web import server  # noqa: E402
from web.bounds import Bounds  # noqa: E402
from web.origin import Denier, SameOrigin  # noqa: E402
from web.undisturbed import Undisturbed  # noqa: E402

private.keep_private()
private.warn(settings.VOIPNUMBER_DATA, settings.SQLITE_FILE)
pages = Undisturbed(http_application)
# Before daphne serves: both `manage.py serve` and the `daphne` command import this module first.
server.install(
    Bounds(
        body_bytes=settings.VOIPNUMBER_HTTP_BODY_BYTES,
        request_s=settings.VOIPNUMBER_HTTP_REQUEST_S,
        connections=settings.VOIPNUMBER_HTTP_CONNECTIONS,
        connections_per_address=(
            None
            if settings.VOIPNUMBER_TLS_PROXY
            else settings.VOIPNUMBER_HTTP_CONNECTIONS_PER_ADDRESS
        ),
        websocket_message_bytes=settings.WEBSOCKET_MESSAGE_BYTES,
    ),
    stopping=pages.end,
)

watching.start()

# Without the last one each websocket that strangers ask for at some other address is an error with
# its traceback.
websockets = URLRouter([*websocket_urlpatterns, re_path("", Denier.as_asgi())])
application = ProtocolTypeRouter(
    {
        "http": pages,
        "websocket": SameOrigin(AuthMiddlewareStack(websockets)),
    }
)
