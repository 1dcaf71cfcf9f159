"""The app."""

from django.apps import AppConfig


class CallengineConfig(AppConfig):
    """Name the app."""

    name = "callengine"
    verbose_name = "Calls"

    def ready(self) -> None:
        # Models can be imported only now.
        from audiocodecs import availability
        from callengine.directory import nodes

        availability.ask(nodes.unavailable_codecs)
