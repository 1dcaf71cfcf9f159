"""The app."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Programs that read and change what the pages do."""

    name = "api"
    verbose_name = "REST API"

    def ready(self) -> None:
        from api.models import ApiKey
        from audit.watching import watch

        watch(ApiKey, ignored=["digest", "created_at", "last_used_at"])
