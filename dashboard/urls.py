"""Addresses of the pages."""

from django.urls import path

from dashboard.accounts import views as accounts
from dashboard.calls import views as calls
from dashboard.codecs import views as codecs
from dashboard.connections import views as connections
from dashboard.history import views as history
from dashboard.lab import views as lab
from dashboard.numbers import views as numbers
from dashboard.overview import views as overview
from dashboard.parts import parties
from dashboard.rejections import ban_views
from dashboard.rejections import views as rejections
from dashboard.routes import views as routes
from dashboard.search import views as search
from dashboard.settings import views as settings
from dashboard.trunks import views as trunks

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("search/", search.search, name="search"),
    path("history/", history.history, name="history"),
    path("history/export/", history.history_export, name="history-export"),
    path("refused/", rejections.refused, name="refused"),
    path("refused/each/", rejections.refused_each, name="refused-each"),
    path("refused/bans/<int:ban_id>/lift/", ban_views.lift, name="ban-lift"),
    path("refused/allow/", rejections.refused_allow, name="refused-allow"),
    path("calls/", calls.calls, name="calls"),
    path("calls/<uuid:call_id>/", calls.call, name="call"),
    path("calls/<uuid:call_id>/quality/", calls.call_quality, name="call-quality"),
    path("calls/<uuid:call_id>/hang-up/", calls.hang_up, name="hang-up"),
    path("calls/<uuid:call_id>/transfer/", calls.transfer, name="transfer"),
    path("engine/", calls.engine, name="engine"),
    path("connections/", connections.connections, name="connections"),
    path("connections/add/", connections.connection_add, name="connection-add"),
    path("connections/<int:connection_id>/", connections.connection, name="connection"),
    path(
        "connections/<int:connection_id>/password/",
        connections.connection_password,
        name="connection-password",
    ),
    path(
        "connections/<int:connection_id>/enabled/",
        connections.connection_enabled,
        name="connection-enabled",
    ),
    path(
        "connections/<int:connection_id>/delete/",
        connections.connection_delete,
        name="connection-delete",
    ),
    path("codecs/meaning/", codecs.meaning_of, name="codec-meaning"),
    path(
        "codecs/connection/<int:connection_id>/<slug:connection_list>/",
        codecs.connection,
        name="connection-codecs",
    ),
    path("codecs/trunk/<int:trunk_id>/<slug:trunk_list>/", codecs.trunk, name="trunk-codecs"),
    path("settings/codecs/", codecs.platform, name="platform-codecs"),
    path("settings/", settings.settings, name="settings"),
    path("settings/users/", accounts.users, name="users"),
    path("settings/users/lift/", accounts.users_lift, name="users-lift"),
    path("settings/users/add/", accounts.user_add, name="user-add"),
    path("settings/users/<int:user_id>/", accounts.user, name="user"),
    path("settings/users/<int:user_id>/password/", accounts.user_password, name="user-password"),
    path("password/", accounts.own_password, name="own-password"),
    path("lab/", lab.lab, name="lab"),
    path("lab/call/", lab.lab_call, name="lab-call"),
    path("lab/calls/<uuid:call_id>/", lab.lab_outcome, name="lab-outcome"),
    path("trunks/", trunks.trunks, name="trunks"),
    path("trunks/add/", trunks.add, name="trunk-add"),
    path("trunks/<int:trunk_id>/", trunks.trunk, name="trunk"),
    path("trunks/<int:trunk_id>/in/", trunks.inward, name="trunk-in"),
    path("trunks/<int:trunk_id>/out/", trunks.outward, name="trunk-out"),
    path("trunks/<int:trunk_id>/enable/", trunks.enable, name="trunk-enable"),
    path("trunks/<int:trunk_id>/delete/", trunks.delete, name="trunk-delete"),
    path("trunks/<int:trunk_id>/gateways/", trunks.gateway_add, name="gateway-add"),
    path("trunks/<int:trunk_id>/gateways/order/", trunks.gateway_order, name="gateway-order"),
    path(
        "trunks/<int:trunk_id>/gateways/<int:gateway_id>/remove/",
        trunks.gateway_remove,
        name="gateway-remove",
    ),
    path("numbers/", numbers.numbers, name="numbers"),
    path("numbers/add/", numbers.add, name="number-add"),
    path("numbers/<int:number_id>/", numbers.number, name="number"),
    path("numbers/<int:number_id>/delete/", numbers.delete, name="number-delete"),
    path("routes/", routes.routes, name="routes"),
    path("routes/add/", routes.add, name="route-add"),
    path("routes/<int:route_id>/", routes.route, name="route"),
    path("routes/<int:route_id>/delete/", routes.delete, name="route-delete"),
    path("routes/<int:route_id>/trunks/", routes.trunk_add, name="route-trunk-add"),
    path("routes/<int:route_id>/trunks/order/", routes.trunk_order, name="route-trunk-order"),
    path(
        "routes/<int:route_id>/trunks/<int:trunk_id>/remove/",
        routes.trunk_remove,
        name="route-trunk-remove",
    ),
    path("parties/", parties.parties, name="party-options"),
]
