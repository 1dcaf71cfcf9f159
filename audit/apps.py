"""The app."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """What people and programs did here: written once, never changed."""

    name = "audit"
    verbose_name = "Audit log"

    def ready(self) -> None:
        from audit import signing  # noqa: F401 - connects its receivers
