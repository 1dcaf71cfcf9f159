"""Addresses of the settings pages."""

from django.urls import path

from dashboard.settings import views

urlpatterns = [
    path("settings/", views.settings, name="settings"),
]
