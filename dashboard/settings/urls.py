"""Addresses of the settings pages."""

from django.urls import path

from dashboard.settings import keys, music, views

urlpatterns = [
    path("settings/", views.settings, name="settings"),
    path("settings/hold-music/", music.music, name="hold-music"),
    path("settings/hold-music/remove/", music.remove, name="hold-music-remove"),
    path("settings/keys/", keys.keys, name="api-keys"),
    path("settings/keys/add/", keys.key_add, name="api-key-add"),
    path("settings/keys/<int:key_id>/", keys.key, name="api-key"),
    path("settings/keys/<int:key_id>/revoke/", keys.key_revoke, name="api-key-revoke"),
]
