"""The app."""

from django.apps import AppConfig


class AudiocodecsConfig(AppConfig):
    """Name the app."""

    name = "audiocodecs"
    verbose_name = "Codecs and platform"
