"""Addresses of the trunks pages."""

from django.urls import path

from dashboard.trunks import views

urlpatterns = [
    path("trunks/", views.trunks, name="trunks"),
    path("trunks/add/", views.add, name="trunk-add"),
    path("trunks/<int:trunk_id>/", views.trunk, name="trunk"),
    path("trunks/<int:trunk_id>/in/", views.inward, name="trunk-in"),
    path("trunks/<int:trunk_id>/out/", views.outward, name="trunk-out"),
    path("trunks/<int:trunk_id>/enable/", views.enable, name="trunk-enable"),
    path("trunks/<int:trunk_id>/delete/", views.delete, name="trunk-delete"),
    path("trunks/<int:trunk_id>/gateways/", views.gateway_add, name="gateway-add"),
    path("trunks/<int:trunk_id>/gateways/order/", views.gateway_order, name="gateway-order"),
    path(
        "trunks/<int:trunk_id>/gateways/<int:gateway_id>/remove/",
        views.gateway_remove,
        name="gateway-remove",
    ),
]
