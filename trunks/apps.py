"""The app."""

from django.apps import AppConfig


class TrunksConfig(AppConfig):
    """Carriers, and which numbers and prefixes lead to them."""

    name = "trunks"
    verbose_name = "Trunks, numbers, routes"

    def ready(self) -> None:
        from audit.watching import watch
        from trunks.models import Gateway, Number, Route, RouteTrunk, Trunk
        from trunks.services import HA1_FIELDS

        secrets = {**dict.fromkeys(HA1_FIELDS, "IN password"), "out_password": "OUT password"}
        watch(Trunk, secrets=secrets)
        watch(Gateway, ignored=["trunk"], part_of="trunk")
        watch(Number)
        watch(Route)
        watch(RouteTrunk, ignored=["route"], part_of="route")
