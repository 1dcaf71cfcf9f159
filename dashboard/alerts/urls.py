"""Addresses of the page of alerts."""

from django.urls import path

from dashboard.alerts import views

urlpatterns = [
    path("settings/alerts/", views.alerts, name="alerts"),
    path("settings/alerts/test/", views.test, name="alerts-test"),
]
