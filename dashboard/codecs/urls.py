"""Addresses of the codecs pages."""

from django.urls import path

from dashboard.codecs import views

urlpatterns = [
    path("codecs/meaning/", views.meaning_of, name="codec-meaning"),
    path(
        "codecs/connection/<int:connection_id>/<slug:connection_list>/",
        views.connection,
        name="connection-codecs",
    ),
    path(
        "codecs/template/<int:template_id>/<slug:connection_list>/",
        views.template,
        name="template-codecs",
    ),
    path("codecs/trunk/<int:trunk_id>/<slug:trunk_list>/", views.trunk, name="trunk-codecs"),
    path("codecs/agent/<int:agent_id>/<slug:agent_list>/", views.agent, name="agent-codecs"),
    path("settings/codecs/", views.platform, name="platform-codecs"),
]
