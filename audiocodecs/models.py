"""Settings of the whole platform that a person may change while it runs."""

from django.db import models

from audiocodecs.catalogue import PLATFORM_CODECS
from audiocodecs.fields import CodecListField


class PlatformSettings(models.Model):
    """The one row of platform settings; read it with `load`."""

    SINGLETON_ID = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=SINGLETON_ID, editable=False)
    codecs = CodecListField(
        "platform codecs",
        blank=True,
        help_text=f"Used wherever a list is empty. Empty here: {', '.join(PLATFORM_CODECS)}.",
    )
    external_sip = models.BooleanField(
        "external SIP",
        default=False,
        help_text="Callers who do not authenticate may reach numbers and connections, "
        "never trunks.",
    )

    class Meta:
        verbose_name = verbose_name_plural = "platform settings"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_row_of_platform_settings")
        ]

    def __str__(self) -> str:
        return "platform settings"

    @classmethod
    def load(cls) -> "PlatformSettings":
        """Return the row, or an unsaved one with the defaults. One query."""
        return cls.objects.filter(pk=cls.SINGLETON_ID).first() or cls()

    @property
    def codec_names(self) -> tuple[str, ...]:
        """The platform list, best first; never empty."""
        return tuple(self.codecs) or PLATFORM_CODECS
