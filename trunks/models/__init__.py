"""Carriers, the numbers they bring, and the routes to them."""

from trunks.models.gateway import Gateway, GatewayTarget
from trunks.models.number import Number
from trunks.models.registration import RegistrationState, TrunkRegistration
from trunks.models.route import Route, RouteTrunk
from trunks.models.trunk import Trunk

__all__ = [
    "Gateway",
    "GatewayTarget",
    "Number",
    "RegistrationState",
    "Route",
    "RouteTrunk",
    "Trunk",
    "TrunkRegistration",
]
