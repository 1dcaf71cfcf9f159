"""Settings of the whole platform that a person may change while it runs."""

from django.db import models

from audiocodecs.catalogue import PLATFORM_CODECS
from audiocodecs.fields import CodecListField
from audiocodecs.holdmusic import Music
from numbering.fields import validate_country, validate_time_zone


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

    home_country = models.CharField(
        max_length=2,
        blank=True,
        default="",
        validators=[validate_country],
        help_text="Two letters, such as GB: the country in which numbers without + are read. "
        "Calls to any other are international.",
    )
    time_zone = models.CharField(
        max_length=64,
        default="UTC",
        validators=[validate_time_zone],
        help_text="Such as Europe/London: a day of the minutes a day begins at its midnight.",
    )

    avoids_transcoding = models.BooleanField(
        "avoid transcoding",
        default=False,
        db_default=False,
        help_text="In every call the caller's leg uses the callee's codec where our list there and "
        "the caller have it too, though another stands above it. Forced lists are left alone.",
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


class HoldMusic(models.Model):
    """What parties on hold hear, the one row of it; without it they hear silence."""

    SINGLETON_ID = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=SINGLETON_ID, editable=False)
    name = models.CharField("file name", max_length=100)
    rate_hz = models.PositiveIntegerField("samples a second")
    samples = models.BinaryField(help_text="16 bits each, little-endian, one channel.")

    class Meta:
        verbose_name = verbose_name_plural = "music on hold"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_row_of_hold_music")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def seconds(self) -> float:
        """How long it plays before it begins anew."""
        return Music(self.rate_hz, bytes(self.samples)).seconds

    @classmethod
    def keep(cls, name: str, music: Music) -> None:
        """Have this be heard from the next hold on."""
        values = {"name": name[:100], "rate_hz": music.rate_hz, "samples": music.samples}
        cls.objects.update_or_create(pk=cls.SINGLETON_ID, defaults=values)

    @classmethod
    def load(cls) -> Music | None:
        """Return what is heard; None: silence. One query."""
        row = cls.objects.filter(pk=cls.SINGLETON_ID).first()
        return Music(row.rate_hz, bytes(row.samples)) if row is not None else None
