"""Packets of calls, recorded."""

import uuid

from django.db import models

from callengine.models.calls import MAX_PARTY_LENGTH, Call


class PacketCapture(models.Model):
    """Packets of one call, recorded into a file in the data folder of the engine that has it.

    Made by whoever asks for it, with a call or with a party whose next call is meant; the engine
    writes the rest, and the call once there is one.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    call = models.ForeignKey(Call, on_delete=models.CASCADE, null=True, related_name="captures")
    party = models.CharField(max_length=MAX_PARTY_LENGTH, blank=True, db_index=True)
    "`connection:alice`, whose next call is meant; empty if a call was named."
    asked = models.DateTimeField()
    until = models.DateTimeField(null=True)
    "How long a party's next call is waited for."
    by = models.CharField(max_length=150)
    whole = models.BooleanField("with payload", default=False)
    max_s = models.PositiveIntegerField("at most so many seconds")
    max_bytes = models.PositiveBigIntegerField("at most so many bytes")
    node = models.CharField(max_length=100, blank=True)
    "The engine in whose data folder the file lies."
    began = models.DateTimeField(null=True)
    ended = models.DateTimeField(null=True)
    why = models.CharField(max_length=20, blank=True)
    "Why it ended: see `core.capturewords.WHY`."
    bytes = models.PositiveBigIntegerField(default=0)
    packets = models.PositiveBigIntegerField(default=0)
    lost = models.PositiveBigIntegerField(default=0)
    "Packets that were not recorded, for want of room in memory."

    class Meta:
        ordering = ["-asked", "id"]

    def __str__(self) -> str:
        return f"packets of {self.call or self.party}"
