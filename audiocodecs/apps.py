"""The app."""

from django.apps import AppConfig


class AudiocodecsConfig(AppConfig):
    """The codecs and the settings of the whole platform."""

    name = "audiocodecs"
    verbose_name = "Codecs and platform"
