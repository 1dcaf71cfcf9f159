"""Carriers, the numbers they bring, and the routes to them."""

from trunks.models.gateway import Gateway
from trunks.models.number import Number
from trunks.models.route import Route, RouteTrunk
from trunks.models.trunk import Trunk

__all__ = ["Gateway", "Number", "Route", "RouteTrunk", "Trunk"]
