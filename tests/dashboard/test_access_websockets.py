"""Nobody, viewer, operator and admin, on every websocket there is."""

import pytest
from channels.layers import channel_layers, get_channel_layer
from django.urls import URLPattern

from callengine.notices import groups
from dashboard.accounts.roles import Role
from dashboard.routing import websocket_urlpatterns
from tests.dashboard.addresses import example
from tests.dashboard.live import demo
from tests.dashboard.live.watching import Watcher
from tests.dashboard.people import ROLES, browser_of
from voipnumber.asgi import application

pytestmark = pytest.mark.thorough

WHO_LOOKS = {
    "ws-trial": (Role.ADMIN,),
    "ws-phone": (Role.OPERATOR, Role.ADMIN),
    "ws-listen": (Role.OPERATOR, Role.ADMIN),
}
HEADERS = [(b"origin", b"http://localhost"), (b"host", b"localhost")]


@pytest.fixture(autouse=True)
def fresh_channel_layer() -> None:
    channel_layers.backends.clear()


@pytest.mark.parametrize("role", [None, *ROLES])
@pytest.mark.parametrize("pattern", websocket_urlpatterns, ids=lambda pattern: pattern.name)
@pytest.mark.django_db(transaction=True)
async def test_a_websocket_is_for_those_who_may_look(
    pattern: URLPattern, role: Role | None
) -> None:
    call = demo.call()
    path = f"/{pattern.pattern}".replace("<uuid:call_uuid>", call["id"])
    headers = list(HEADERS)
    if role is not None:
        from asgiref.sync import sync_to_async

        client = await sync_to_async(browser_of)(role)
        headers.append((b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode()))
    socket = Watcher(application, example(path), headers=headers)
    connected, code = await socket.connect()
    if role in WHO_LOOKS.get(str(pattern.name), (Role.VIEWER, Role.OPERATOR, Role.ADMIN)):
        assert connected
        await socket.disconnect()
        return
    assert (connected, code) == (False, 4401 if role is None else 4403)
    await groups.publish(groups.call_changed(call))
    assert await socket.receive_nothing()
    layer = get_channel_layer()
    assert layer is not None
    assert not layer.groups


@pytest.mark.django_db(transaction=True)
async def test_a_page_of_another_origin_gets_no_websocket() -> None:
    headers = [(b"origin", b"http://evil.example"), (b"host", b"localhost")]
    stranger = Watcher(application, "/ws/calls/", headers=headers)
    connected, code = await stranger.connect()
    assert (connected, code) != (True, None)
    assert code not in (4401, 4403), "the origin is refused before anybody is asked for"
