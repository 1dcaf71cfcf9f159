"""Addresses of the history pages."""

from django.urls import path

from dashboard.history import views

urlpatterns = [
    path("history/", views.history, name="history"),
    path("history/export/", views.history_export, name="history-export"),
]
