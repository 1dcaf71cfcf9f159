"""Addresses of the voice agents pages."""

from django.urls import path

from dashboard.agents import views

urlpatterns = [
    path("agents/", views.agents, name="agents"),
    path("agents/add/", views.add, name="agent-add"),
    path("agents/<int:agent_id>/", views.agent, name="agent"),
    path("agents/<int:agent_id>/settings/", views.settings, name="agent-settings"),
    path("agents/<int:agent_id>/audio/", views.audio, name="agent-audio"),
    path("agents/<int:agent_id>/audio/meaning/", views.meaning, name="agent-meaning-fragment"),
    path("agents/<int:agent_id>/calls/", views.calls, name="agent-calls"),
    path("agents/<int:agent_id>/test/", views.test, name="agent-test"),
    path("agents/<int:agent_id>/enable/", views.enable, name="agent-enable"),
    path("agents/<int:agent_id>/delete/", views.delete, name="agent-delete"),
]
