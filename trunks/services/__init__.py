"""What others may do with trunks; each function owns its transaction."""

from trunks.services.gateways import (
    GatewayValues,
    add_gateway,
    change_gateway,
    order_gateways,
    remove_gateway,
    replace_gateways,
)
from trunks.services.lists import MAX_POSITION, MAX_STEPS
from trunks.services.routes import (
    add_route_trunk,
    create_route,
    order_route_trunks,
    remove_route_trunk,
    replace_route_trunks,
)
from trunks.services.states import forget_targets, keep_registration, keep_target
from trunks.services.trunk import (
    HA1_FIELDS,
    allow_address,
    create_trunk,
    delete_trunk,
    set_enabled,
    set_in_password,
)

__all__ = [
    "HA1_FIELDS",
    "MAX_POSITION",
    "MAX_STEPS",
    "GatewayValues",
    "add_gateway",
    "add_route_trunk",
    "allow_address",
    "change_gateway",
    "create_route",
    "create_trunk",
    "delete_trunk",
    "forget_targets",
    "keep_registration",
    "keep_target",
    "order_gateways",
    "order_route_trunks",
    "remove_gateway",
    "remove_route_trunk",
    "replace_gateways",
    "replace_route_trunks",
    "set_enabled",
    "set_in_password",
]
