"""Addresses of the lab pages."""

from django.urls import path

from dashboard.lab import audition, views

urlpatterns = [
    path("lab/", views.lab, name="lab"),
    path("lab/hear/", audition.hear, name="lab-hear"),
    path("lab/hear/audio.wav", audition.hear_audio, name="lab-hear-audio"),
    path("lab/call/", views.lab_call, name="lab-call"),
    path("lab/calls/<uuid:call_uuid>/", views.lab_outcome, name="lab-outcome"),
]
