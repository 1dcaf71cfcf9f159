"""Addresses of the calls pages."""

from django.urls import path

from dashboard.calls import views

urlpatterns = [
    path("calls/", views.calls, name="calls"),
    path("calls/<uuid:call_uuid>/", views.call, name="call"),
    path("calls/<uuid:call_uuid>/quality/", views.call_quality, name="call-quality"),
    path("calls/<uuid:call_uuid>/ladder.txt", views.ladder_text, name="ladder-text-export"),
    path("calls/<uuid:call_uuid>/ladder.pcap", views.ladder_capture, name="ladder-capture-export"),
    path("calls/<uuid:call_uuid>/hang-up/", views.hang_up, name="hang-up"),
    path("calls/<uuid:call_uuid>/transfer/", views.transfer, name="transfer"),
    path("calls/<uuid:call_uuid>/agent/", views.change_agent, name="change-agent"),
    path("engine/", views.engine, name="engine"),
]
