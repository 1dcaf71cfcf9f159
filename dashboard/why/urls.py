"""Address of the page that says why."""

from django.urls import path

from dashboard.why import views

urlpatterns = [
    path("rejections/why/", views.why, name="why"),
]
