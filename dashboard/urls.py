"""Addresses of the live pages."""

from django.urls import path

from dashboard.views import live

urlpatterns = [
    path("", live.home, name="home"),
    path("calls/", live.calls, name="calls"),
    path("calls/<uuid:call_id>/", live.call, name="call"),
    path("calls/<uuid:call_id>/hang-up/", live.hang_up, name="hang-up"),
    path("engine/", live.engine, name="engine"),
]
