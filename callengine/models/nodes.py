"""The engines."""

from django.db import models


class EngineNode(models.Model):
    """One running engine process and what it can do; refreshed every few seconds."""

    name = models.CharField(max_length=100, unique=True)
    identity = models.CharField(max_length=32, blank=True, default="")
    "The id in its data folder."
    started = models.DateTimeField()
    seen = models.DateTimeField()
    listening = models.JSONField(default=list)
    codecs = models.JSONField(default=list)
    unavailable_codecs = models.JSONField(default=dict)
    "Codec name -> why this engine cannot do it now."
    unconfined = models.JSONField(default=list)
    "What its call processes are not kept from here, one sentence each."
    shortages = models.JSONField(default=list)
    "What its machine does not give it, and what that bounds: a sentence each."
    calls = models.PositiveIntegerField(default=0)
    max_calls = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
