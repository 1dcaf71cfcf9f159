"""Addresses of the lab pages."""

from django.urls import path

from dashboard.lab import views

urlpatterns = [
    path("lab/", views.lab, name="lab"),
    path("lab/call/", views.lab_call, name="lab-call"),
    path("lab/calls/<uuid:call_uuid>/", views.lab_outcome, name="lab-outcome"),
]
