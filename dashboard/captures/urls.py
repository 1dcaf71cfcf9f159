"""Addresses of packet captures."""

from django.urls import path

from dashboard.captures import views

urlpatterns = [
    path("calls/<uuid:call_uuid>/captures/", views.call_captures, name="call-captures"),
    path("captures/<uuid:capture_uuid>/stop/", views.capture_stop, name="capture-stop"),
    path("captures/<uuid:capture_uuid>/delete/", views.capture_delete, name="capture-delete"),
    path("captures/<uuid:capture_uuid>/file/", views.capture_file, name="capture-file"),
    path(
        "connections/<int:connection_id>/capture/",
        views.connection_capture,
        name="connection-capture",
    ),
]
