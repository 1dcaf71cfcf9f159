"""Addresses of the accounts pages."""

from django.urls import path

from dashboard.accounts import views

urlpatterns = [
    path("settings/users/", views.users, name="users"),
    path("settings/users/lift/", views.users_lift, name="users-lift"),
    path("settings/users/add/", views.user_add, name="user-add"),
    path("settings/users/<int:user_id>/", views.user, name="user"),
    path("settings/users/<int:user_id>/password/", views.user_password, name="user-password"),
    path("password/", views.own_password, name="own-password"),
]
