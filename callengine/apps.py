"""The app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class CallengineConfig(AppConfig):
    """Name the app."""

    name = "callengine"
    verbose_name = "Calls"

    def ready(self) -> None:
        # Models can be imported only now.
        from audiocodecs import availability
        from callengine.directory import nodes, triggers

        availability.ask(nodes.unavailable_codecs)
        pre_migrate.connect(triggers.remove, sender=self)
        post_migrate.connect(triggers.install, sender=self)
