"""The websockets of the live pages."""

from django.urls import path

from dashboard.calls.consumers import CallConsumer, CallsConsumer

websocket_urlpatterns = [
    path("ws/calls/", CallsConsumer.as_asgi(), name="ws-calls"),
    path("ws/calls/<uuid:call_uuid>/", CallConsumer.as_asgi(), name="ws-call"),
]
