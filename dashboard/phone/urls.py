"""Addresses of the browser phone."""

from django.urls import path

from dashboard.phone import views

urlpatterns = [
    path("phone/", views.phone, name="phone"),
]
