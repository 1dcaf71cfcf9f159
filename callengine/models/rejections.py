"""What was refused, and who is kept out."""

from django.db import models

from callengine.models.calls import MAX_PARTY_LENGTH


class Rejection(models.Model):
    """A request that never became a call (or a registration)."""

    at = models.DateTimeField(db_index=True)
    source_address = models.CharField(max_length=100)
    user = models.CharField(max_length=255, blank=True)
    to = models.CharField(max_length=255, blank=True)
    method = models.CharField(max_length=40)
    call_id = models.CharField("SIP Call-ID", max_length=255, blank=True)
    code = models.PositiveSmallIntegerField()
    rule = models.CharField(max_length=60)
    advice = models.TextField()

    class Meta:
        ordering = ["at", "id"]
        indexes = [
            models.Index(fields=["rule", "at"], name="rejection_by_rule"),
            # The newest of one connection.
            models.Index(fields=["user", "at", "id"], name="rejection_by_user"),
            models.Index(fields=["call_id"], name="rejection_by_call_id"),
            # Groups by source are counted from this index alone.
            models.Index(
                fields=["source_address", "at", "rule", "user", "id"],
                name="rejection_by_source",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.rule}: {self.user} from {self.source_address}"


class Ban(models.Model):
    """A source, or one user there, that is kept out for a while: it guessed passwords.

    The engine makes it, a person may lift it by deleting it. One that is over is kept for a day:
    the next one is longer.
    """

    source = models.CharField(max_length=100)
    "An IP address, or the /64 network of an IPv6 address."
    user = models.CharField(max_length=MAX_PARTY_LENGTH, blank=True)
    "Empty: whoever comes from there."
    rule = models.CharField(max_length=60)
    since = models.DateTimeField()
    until = models.DateTimeField(db_index=True)
    failures = models.PositiveIntegerField("wrong passwords")
    times = models.PositiveSmallIntegerField(default=1)
    "How often it was banned of late."
    node = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering = ["-since", "id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "user"], name="one_ban_per_source_and_user")
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.user}".strip()
