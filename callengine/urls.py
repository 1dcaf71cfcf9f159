"""Addresses of the live pages."""

from django.urls import path

from callengine import views

urlpatterns = [
    path("", views.home, name="home"),
    path("calls/", views.calls, name="calls"),
    path("calls/<uuid:call_id>/", views.call, name="call"),
    path("calls/<uuid:call_id>/hang-up/", views.hang_up, name="hang-up"),
    path("engine/", views.engine, name="engine"),
]
