"""Addresses of the routes pages."""

from django.urls import path

from dashboard.routes import views

urlpatterns = [
    path("routes/", views.routes, name="routes"),
    path("routes/add/", views.add, name="route-add"),
    path("routes/<int:route_id>/", views.route, name="route"),
    path("routes/<int:route_id>/delete/", views.delete, name="route-delete"),
    path("routes/<int:route_id>/trunks/", views.trunk_add, name="route-trunk-add"),
    path("routes/<int:route_id>/trunks/order/", views.trunk_order, name="route-trunk-order"),
    path(
        "routes/<int:route_id>/trunks/<int:trunk_id>/remove/",
        views.trunk_remove,
        name="route-trunk-remove",
    ),
]
