"""What the pages keep of alerts: which kinds are told, what is open, what could not be sent."""

from django.db import models


class AlertKind(models.TextChoices):
    """What an alert is about; the kinds of `dashboard.overview.now.Concern`."""

    ENGINE = "engine", "The engine is not reachable"
    SILENT = "silent", "No audio arrives in a call"
    TRUNK = "trunk", "A trunk is down"
    PHONE = "phone", "A phone that makes calls is not registered"
    REJECTIONS = "rejections", "One address is refused again and again"
    CERTIFICATE = "certificate", "The certificate of SIP over TLS is near its end"
    DISK = "disk", "The disk of the data folder is nearly full"


class AlertSettings(models.Model):
    """The one row of which kinds are told; read it with `load`."""

    SINGLETON_ID = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=SINGLETON_ID, editable=False)
    engine = models.BooleanField(AlertKind.ENGINE.label, default=True)
    silent = models.BooleanField(AlertKind.SILENT.label, default=True)
    trunk = models.BooleanField(AlertKind.TRUNK.label, default=True)
    phone = models.BooleanField(AlertKind.PHONE.label, default=True)
    rejections = models.BooleanField(AlertKind.REJECTIONS.label, default=True)
    certificate = models.BooleanField(AlertKind.CERTIFICATE.label, default=True)
    disk = models.BooleanField(AlertKind.DISK.label, default=True)

    class Meta:
        verbose_name = verbose_name_plural = "alert settings"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_row_of_alert_settings")
        ]

    def __str__(self) -> str:
        return "alert settings"

    @classmethod
    def load(cls) -> "AlertSettings":
        """Return the row, or an unsaved one with every kind on. One query."""
        return cls.objects.filter(pk=cls.SINGLETON_ID).first() or cls()

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds that are told."""
        return frozenset(kind for kind in AlertKind.values if getattr(self, kind))


class OpenAlert(models.Model):
    """An alert that was told and is not over; who makes or deletes its row tells that."""

    key = models.CharField(max_length=200, unique=True)
    "`KIND`, `KIND:ROW` or `KIND:ADDRESS` or, of one machine, `KIND@NODE`."
    kind = models.CharField(max_length=20, choices=AlertKind.choices)
    text = models.TextField()
    since = models.DateTimeField()

    class Meta:
        ordering = ["since", "id"]

    def __str__(self) -> str:
        return self.key


class AlertFailure(models.Model):
    """Why the last message by one way could not be sent; gone once one could."""

    way = models.CharField(max_length=20, primary_key=True)
    text = models.TextField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.way
