"""Addresses of the parts pages."""

from django.urls import path

from dashboard.parts import parties

urlpatterns = [
    path("parties/", parties.parties, name="party-options"),
]
