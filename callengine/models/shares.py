"""Links to records of calls."""

from django.db import models

from callengine.models.calls import Call


class CallShare(models.Model):
    """A link under which whoever has it may read one call's record, without an account."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="shares")
    digest = models.CharField(max_length=64, unique=True)
    "SHA-256 of the token in the link; the token is kept nowhere."
    by = models.CharField(max_length=150)
    made = models.DateTimeField()
    until = models.DateTimeField()
    masks_numbers = models.BooleanField(default=True)
    revoked = models.DateTimeField(null=True)
    looks = models.PositiveIntegerField(default=0)
    "How often it was looked at."
    last_look = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-made", "id"]

    def __str__(self) -> str:
        return f"a link to {self.call}"
