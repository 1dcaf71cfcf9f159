"""Keys by which programs use the REST API."""

import datetime as dt

from django.conf import settings
from django.db import models
from django.db.models import Q


class ApiKey(models.Model):
    """A program's key: it may do what its scopes say, as long as its owner may.

    The key itself is nowhere: `digest` is its SHA-256, and `prefix` its first characters, by which
    people tell keys apart.
    """

    name = models.CharField(max_length=100, help_text="What uses it.")
    prefix = models.CharField(max_length=16, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=list)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    "To the minute."
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="api_key_has_a_name"),
            models.CheckConstraint(condition=~Q(digest=""), name="api_key_has_a_digest"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}...)"

    def is_expired(self, now: dt.datetime) -> bool:
        """Tell whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now
