"""Addresses of the pages."""

from django.urls import path

from dashboard.views import codecs, lab, live, settings, users

urlpatterns = [
    path("", live.home, name="home"),
    path("calls/", live.calls, name="calls"),
    path("calls/<uuid:call_id>/", live.call, name="call"),
    path("calls/<uuid:call_id>/quality/", live.call_quality, name="call-quality"),
    path("calls/<uuid:call_id>/hang-up/", live.hang_up, name="hang-up"),
    path("engine/", live.engine, name="engine"),
    path("codecs/meaning/", codecs.meaning_of, name="codec-meaning"),
    path(
        "codecs/connection/<int:connection_id>/<slug:connection_list>/",
        codecs.connection,
        name="connection-codecs",
    ),
    path("codecs/trunk/<int:trunk_id>/<slug:trunk_list>/", codecs.trunk, name="trunk-codecs"),
    path("settings/codecs/", codecs.platform, name="platform-codecs"),
    path("settings/", settings.settings, name="settings"),
    path("settings/users/", users.users, name="users"),
    path("settings/users/add/", users.user_add, name="user-add"),
    path("settings/users/<int:user_id>/", users.user, name="user"),
    path("settings/users/<int:user_id>/password/", users.user_password, name="user-password"),
    path("password/", users.own_password, name="own-password"),
    path("lab/", lab.lab, name="lab"),
    path("lab/call/", lab.lab_call, name="lab-call"),
    path("lab/calls/<uuid:call_id>/", lab.lab_outcome, name="lab-outcome"),
]
