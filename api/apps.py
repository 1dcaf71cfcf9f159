"""The app."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Programs that read and change what the pages do."""

    name = "api"
    verbose_name = "REST API"
