"""The app."""

from django.apps import AppConfig


class AudiocodecsConfig(AppConfig):
    """The codecs and the settings of the whole platform."""

    name = "audiocodecs"
    verbose_name = "Codecs and platform"

    def ready(self) -> None:
        from audiocodecs.models import HoldMusic, PlatformSettings
        from audit.watching import watch

        watch(PlatformSettings)
        watch(HoldMusic, secrets={"samples": "sound"})
