"""Templates: codec lists that many connections have alike.

A connection that follows one holds its lists in its own row, so that a call reads one row. Whoever
saves either, they are the same: a template gives its lists to all that follow it, a connection that
follows takes them. One that stops following keeps them.

Whoever saves several of them locks a template before those who follow it, and these by their keys,
as registrations are stored: in another order two would wait for each other, and one fail.
"""

from collections.abc import Collection, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction

from audiocodecs.fields import CodecListField
from connections.validators import NAME, NAME_FORM

LIST_FIELDS = ("inbound_codecs", "force_on_caller", "outbound_codecs")
"What a template gives, called alike in both models."
MAX_NAME = 100


class ConnectionTemplate(models.Model):
    """Codec lists for connections of one kind, such as desk phones."""

    name = models.CharField(
        max_length=MAX_NAME, unique=True, help_text="What people call it, such as Desk phones."
    )
    inbound_codecs = CodecListField(
        blank=True,
        help_text="Offered to those who follow it when they are called. Empty: the platform list.",
    )
    force_on_caller = models.BooleanField(
        "force selected codecs on the caller",
        default=False,
        help_text="The caller's leg must use one of the inbound codecs too, or the call is "
        "declined.",
    )
    outbound_codecs = CodecListField(
        blank=True,
        help_text="Allowed when one who follows it calls. Empty: the platform list.",
    )

    class Meta:
        verbose_name = "connection template"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~models.Q(name=""), name="template_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store it, and give its lists to all connections that follow it."""
        super().save(*args, **kwargs)
        written = kwargs.get("update_fields")
        if written is None or set(written) & set(LIST_FIELDS):
            _lock_followers(self)
            # That is one change in the log, this row's.
            self.connections.update(**lists_of(self))

    @transaction.atomic
    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete it; those who follow it keep its lists as their own."""
        lock_templates([self.pk])
        _lock_followers(self)
        return super().delete(*args, **kwargs)

    def clean(self) -> None:
        """Refuse a name that no file can hold."""
        if self.name and not NAME.match(self.name):
            text = f"Give it a name: {NAME_FORM}."
            error = ValidationError(text, code="invalid", params={"allowed": NAME_FORM})
            raise ValidationError({"name": error})

    def unique_error_message(
        self, model_class: type[models.Model], unique_check: Sequence[str]
    ) -> ValidationError:
        """Say of a name that is taken what to do."""
        text = "Another template is called so already; choose another name."
        return ValidationError(text, code="unique")


def lock_templates(keys: Collection[int] | None = None) -> list[ConnectionTemplate]:
    """Return these templates, or all, which nobody else changes until the transaction ends."""
    rows = ConnectionTemplate.objects.select_for_update().order_by("pk")
    return list(rows if keys is None else rows.filter(pk__in=keys))


def _lock_followers(template: ConnectionTemplate) -> None:
    rows = template.connections.select_for_update(no_key=True).order_by("pk")
    list(rows.values_list("pk"))


def lists_of(template: ConnectionTemplate) -> dict[str, Any]:
    """Return what it gives, by field."""
    return {name: getattr(template, name) for name in LIST_FIELDS}


def take_lists(row: Any, update_fields: Collection[str] | None) -> Collection[str] | None:
    """Have a connection that is about to be saved hold the lists of the template it follows.

    Returns the fields to save. Within a transaction: the template is locked, so that it gives its
    lists either before this or to this row too.
    """
    concerned = {"template", "template_id", *LIST_FIELDS}
    if row.template_id is None or (update_fields is not None and not concerned & {*update_fields}):
        return update_fields
    rows = ConnectionTemplate.objects.select_for_update()
    for name, value in lists_of(rows.get(pk=row.template_id)).items():
        setattr(row, name, value)
    return None if update_fields is None else {*update_fields, *LIST_FIELDS}
