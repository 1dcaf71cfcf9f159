"""Addresses of the rejections pages."""

from django.urls import path

from dashboard.rejections import ban_views, views

urlpatterns = [
    path("rejections/", views.rejections, name="rejections"),
    path("rejections/each/", views.rejections_each, name="rejections-each"),
    path("rejections/bans/<int:ban_id>/lift/", ban_views.lift, name="ban-lift"),
    path("rejections/allow/", views.rejections_allow, name="rejections-allow"),
    path("refused/", views.former_address, name="rejections-former"),
]
