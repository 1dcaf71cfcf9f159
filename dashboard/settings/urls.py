"""Addresses of the settings pages."""

from django.urls import path

from dashboard.settings import keys, views

urlpatterns = [
    path("settings/", views.settings, name="settings"),
    path("settings/keys/", keys.keys, name="api-keys"),
    path("settings/keys/add/", keys.key_add, name="api-key-add"),
    path("settings/keys/<int:key_id>/", keys.key, name="api-key"),
    path("settings/keys/<int:key_id>/revoke/", keys.key_revoke, name="api-key-revoke"),
]
