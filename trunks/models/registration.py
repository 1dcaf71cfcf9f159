"""Our own registration at a carrier."""

from django.db import models

from trunks.models.trunk import Trunk


class RegistrationState(models.TextChoices):
    """Where a registration of ours stands."""

    TRYING = "trying", "Registering"
    REGISTERED = "registered", "Registered"
    FAILED = "failed", "Not registered"
    GONE = "gone", "Unregistered"


class TrunkRegistration(models.Model):
    """How a trunk's registration stands. Written by the engine that sees to it."""

    trunk = models.OneToOneField(Trunk, on_delete=models.CASCADE, related_name="registration")
    state = models.CharField(max_length=20, choices=RegistrationState)
    since = models.DateTimeField()
    said = models.CharField(max_length=300, blank=True)
    "What the registrar said, or why nothing came of it; and what to do."
    target = models.CharField(max_length=400, blank=True)
    "Where the registrar is, `transport:host:port`."
    contact_user = models.CharField(max_length=40)
    "The user part of our Contact there: a request to it is this trunk's."
    call_id = models.CharField("SIP Call-ID", max_length=100)
    cseq = models.PositiveIntegerField(default=0)
    expires_at = models.DateTimeField(null=True, blank=True)
    next_at = models.DateTimeField(null=True, blank=True)
    "When it is registered again."
    failures = models.PositiveIntegerField(default=0)
    "In a row."
    node = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering = ["trunk"]

    def __str__(self) -> str:
        return f"{self.trunk}: {self.get_state_display()}"
