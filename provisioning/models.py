"""Addresses at which a phone fetches its settings, once."""

from django.db import models

from connections.models import Connection


class PhoneSetup(models.Model):
    """One such address. Neither its token nor the password can be read from this row."""

    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="phone_setups"
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    "SHA-256 of the token."
    sealed = models.TextField(editable=False)
    "The password, encrypted by the token."
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return f"set-up of {self.connection}"
