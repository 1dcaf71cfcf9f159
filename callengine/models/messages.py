"""The SIP of calls."""

from django.db import models

from callengine.models.calls import Call


class Direction(models.TextChoices):
    """Which way a SIP message went, seen from us."""

    IN = "in", "To us"
    OUT = "out", "From us"
    NOTE = "note", "Not a message, but a note of ours in its place"


class SipMessage(models.Model):
    """One SIP message between a peer and us, as the ladder draws it: masked and cut to a size."""

    call = models.ForeignKey(
        Call, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    number = models.PositiveSmallIntegerField()
    "Its place in the ladder, from 1."
    leg = models.CharField(max_length=4, blank=True)
    at = models.DateTimeField()
    direction = models.CharField(max_length=4, choices=Direction)
    peer = models.CharField("peer address", max_length=100, blank=True)
    "`transport:host:port`."
    summary = models.CharField(max_length=255)
    "The request line without the version, or code and phrase."
    cseq = models.CharField("CSeq", max_length=60, blank=True)
    retransmission = models.BooleanField(default=False)
    codecs = models.JSONField(default=list)
    "Names of the codecs in its SDP, in order."
    text = models.TextField(blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                fields=["call", "number"], name="one_message_in_a_place_per_call"
            )
        ]

    def __str__(self) -> str:
        return self.summary
