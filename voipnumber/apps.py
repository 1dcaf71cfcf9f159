"""The project itself as an app: it brings the system checks."""

from django.apps import AppConfig


class ProjectConfig(AppConfig):
    """Register the checks of rules that span settings."""

    name = "voipnumber"
    verbose_name = "VoIP number"

    def ready(self) -> None:
        from voipnumber import checks  # noqa: F401  importing registers them
