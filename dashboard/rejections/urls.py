"""Addresses of the rejections pages."""

from django.urls import path

from dashboard.rejections import ban_views, views

urlpatterns = [
    path("refused/", views.refused, name="refused"),
    path("refused/each/", views.refused_each, name="refused-each"),
    path("refused/bans/<int:ban_id>/lift/", ban_views.lift, name="ban-lift"),
    path("refused/allow/", views.refused_allow, name="refused-allow"),
]
