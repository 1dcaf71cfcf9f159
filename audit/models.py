"""The audit log: who did what, when, and what it was before."""

from django.db import models
from django.utils import timezone


class ActorKind(models.TextChoices):
    """What kind of somebody did it."""

    PERSON = "person", "A person"
    KEY = "key", "An API key"
    FILE = "file", "A configuration file"
    COMMAND = "command", "The command line"


class AuditAction(models.TextChoices):
    """What was done to a row; `did` is for what changes none, such as hanging up a call."""

    CREATED = "created", "Created"
    CHANGED = "changed", "Changed"
    DELETED = "deleted", "Deleted"
    DID = "did", "Did"


class AuditEntry(models.Model):
    """One thing that somebody did. The database itself refuses to change or delete one."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    actor = models.CharField(max_length=200)
    "A user name, a key's name, a file's name, a command."
    actor_kind = models.CharField(max_length=10, choices=ActorKind)
    via = models.CharField(max_length=20, blank=True)
    "`pages`, `admin` or `API`; empty for files and commands."
    address = models.CharField("from", max_length=100, blank=True)
    "Where the request came from."
    action = models.CharField(max_length=10, choices=AuditAction)
    kind = models.CharField(max_length=60)
    "The model of the row, such as `connections.connection`."
    key = models.CharField(max_length=64, blank=True)
    "The row's primary key, as text."
    name = models.CharField(max_length=255, blank=True)
    "What people called it then."
    changes = models.JSONField(default=dict)
    "Field -> `{label, before, after}`, or `{label, secret: true}` for what nobody may read."
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = "entry of the audit log"
        verbose_name_plural = "entries of the audit log"
        ordering = ["-id"]
        indexes = [models.Index(fields=["kind", "key", "id"], name="audit_by_row")]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.name or self.note}"
