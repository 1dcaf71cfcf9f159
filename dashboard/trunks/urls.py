"""Addresses of the trunks pages."""

from django.urls import path

from dashboard.trunks import (
    list_views,
    number_views,
    permission_views,
    side_views,
    trial,
    views,
)

urlpatterns = [
    path("trunks/", list_views.trunks, name="trunks"),
    path("trunks/states/", views.states, name="trunk-states-fragment"),
    path("trunks/add/", list_views.add, name="trunk-add"),
    path("trunks/<int:trunk_id>/", views.trunk, name="trunk"),
    path("trunks/<int:trunk_id>/in/", side_views.inward, name="trunk-in"),
    path("trunks/<int:trunk_id>/out/", side_views.outward, name="trunk-out"),
    path("trunks/<int:trunk_id>/numbers/", number_views.numbers, name="trunk-numbers"),
    path(
        "trunks/<int:trunk_id>/permissions/",
        permission_views.permissions,
        name="trunk-permissions",
    ),
    path("trunks/<int:trunk_id>/standing/", views.standing, name="trunk-standing"),
    path("trunks/<int:trunk_id>/enable/", views.enable, name="trunk-enable"),
    path("trunks/<int:trunk_id>/test/", trial.trunk_test, name="trunk-test"),
    path("trunks/<int:trunk_id>/delete/", views.delete, name="trunk-delete"),
    path("trunks/<int:trunk_id>/gateways/", side_views.gateway_add, name="gateway-add"),
    path("trunks/<int:trunk_id>/gateways/order/", side_views.gateway_order, name="gateway-order"),
    path(
        "trunks/<int:trunk_id>/gateways/<int:gateway_id>/share/",
        side_views.gateway_share,
        name="gateway-share",
    ),
    path(
        "trunks/<int:trunk_id>/gateways/<int:gateway_id>/remove/",
        side_views.gateway_remove,
        name="gateway-remove",
    ),
]
