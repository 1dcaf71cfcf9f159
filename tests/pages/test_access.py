"""Nobody who is not signed in gets anything; found for every address there is."""

import uuid
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from callengine import groups
from dashboard.routing import websocket_urlpatterns
from tests.pages import demo
from voipnumber.asgi import application

PUBLIC = {
    "login",
    "admin:login",
    "logout",
    "admin:logout",
    "password_reset",
    "password_reset_done",
    "password_reset_confirm",
    "password_reset_complete",
    "favicon",
}
"Addresses that are for people without a session."


def addresses(
    patterns: list[URLPattern | URLResolver], namespace: str = "", prefix: str = "/"
) -> Iterator[tuple[str, str]]:
    """Yield the name and an example path of every address."""
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{pattern.namespace}:" if pattern.namespace else namespace
            yield from addresses(pattern.url_patterns, inner, path)
        else:
            yield f"{namespace}{pattern.name}", example(path)


def example(path: str) -> str:
    for pattern, value in {
        "<uuid:call_id>": str(uuid.uuid4()),
        "<path:object_id>": "1",
        "<path:url>": "auth/x",
        "<int:content_type_id>": "1",
        "<uidb64>": "MQ",
        "<token>": "set-password",
        "<id>": "1",
    }.items():
        path = path.replace(pattern, value)
    return path.replace("^(?P<app_label>auth", "auth").replace("(?P<url>.*)$", "x")


ALL = [
    (n, p) for n, p in addresses(get_resolver().url_patterns) if n not in PUBLIC and "(?P" not in p
]


def test_the_pages_are_among_the_addresses_found() -> None:
    assert {"home", "calls", "call", "hang-up", "engine", "admin:index"} <= {
        name for name, _ in ALL
    }


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(("name", "path"), ALL, ids=[name for name, _ in ALL])
def test_a_stranger_is_led_to_the_login(name: str, path: str, method: str) -> None:
    response = getattr(Client(), method)(path)
    assert response.status_code == HTTPStatus.FOUND, (name, path)
    assert response["Location"].split("?")[0] in (reverse("login"), reverse("admin:login"))


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/calls/", "/engine/"])
def test_a_strangers_fragment_makes_the_page_reload(path: str) -> None:
    response = Client().get(path, headers={"HX-Request": "true"})
    assert (response.content, response["HX-Refresh"]) == (b"", "true")


@pytest.mark.parametrize("pattern", websocket_urlpatterns, ids=lambda pattern: pattern.name)
@pytest.mark.django_db(transaction=True)
async def test_a_strangers_websocket_is_closed_and_hears_nothing(pattern: URLPattern) -> None:
    call = demo.call()
    path = "/" + str(pattern.pattern).replace("<uuid:call_id>", call["id"])
    headers = [(b"origin", b"http://localhost"), (b"host", b"localhost")]
    stranger = WebsocketCommunicator(application, path, headers=headers)
    connected, code = await stranger.connect()
    assert (connected, code) == (False, 4401)
    await groups.publish_call(call)
    assert await stranger.receive_nothing()
    layer = get_channel_layer()
    assert layer is not None
    assert not layer.groups


@pytest.mark.django_db(transaction=True)
async def test_a_page_of_another_origin_gets_no_websocket() -> None:
    headers = [(b"origin", b"http://evil.example"), (b"host", b"localhost")]
    stranger = WebsocketCommunicator(application, "/ws/calls/", headers=headers)
    connected, code = await stranger.connect()
    assert (connected, code) != (True, None)
    assert code != 4401, "the origin is refused before anybody is asked for"
