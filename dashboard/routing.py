"""The websockets of the live pages."""

from django.urls import path

from dashboard.calls.consumers import CallConsumer, CallsConsumer
from dashboard.live.consumers import EngineConsumer
from dashboard.overview.topic import OverviewConsumer
from dashboard.phone.consumers import PhoneConsumer
from dashboard.phone.listening import ListenConsumer
from dashboard.trunks.state_topics import TrunkConsumer, TrunksConsumer
from dashboard.trunks.trial_topic import TrialConsumer

websocket_urlpatterns = [
    path("ws/engine/", EngineConsumer.as_asgi(), name="ws-engine"),
    path("ws/overview/", OverviewConsumer.as_asgi(), name="ws-overview"),
    path("ws/calls/", CallsConsumer.as_asgi(), name="ws-calls"),
    path("ws/calls/<uuid:call_uuid>/", CallConsumer.as_asgi(), name="ws-call"),
    path("ws/trunks/", TrunksConsumer.as_asgi(), name="ws-trunks"),
    path("ws/trunks/<int:trunk_id>/", TrunkConsumer.as_asgi(), name="ws-trunk"),
    path("ws/listen/<uuid:call_uuid>/", ListenConsumer.as_asgi(), name="ws-listen"),
    path("ws/phone/", PhoneConsumer.as_asgi(), name="ws-phone"),
    path("ws/trials/<uuid:trial>/", TrialConsumer.as_asgi(), name="ws-trial"),
]
