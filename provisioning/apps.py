"""The app."""

from django.apps import AppConfig


class ProvisioningConfig(AppConfig):
    """The file form of what the pages edit, and files for phones."""

    name = "provisioning"
    verbose_name = "Provisioning"
