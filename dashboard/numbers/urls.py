"""Addresses of the numbers pages."""

from django.urls import path

from dashboard.numbers import views

urlpatterns = [
    path("numbers/", views.numbers, name="numbers"),
    path("numbers/add/", views.add, name="number-add"),
    path("numbers/<int:number_id>/", views.number, name="number"),
    path("numbers/<int:number_id>/delete/", views.delete, name="number-delete"),
]
