"""Admin page of the platform settings."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from audiocodecs.models import PlatformSettings
from audiocodecs.widgets import CodecListInput


@admin.register(PlatformSettings)
class PlatformSettingsAdmin(admin.ModelAdmin[PlatformSettings]):
    """The one row: made once, never deleted."""

    fields = ("codecs", "external_sip", "home_country", "time_zone")
    list_display = ("__str__", "shown_codecs", "external_sip")

    def formfield_for_dbfield(
        self, db_field: models.Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        if db_field.name == "codecs":
            kwargs["widget"] = CodecListInput(is_platform=True)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @admin.display(description="platform codecs")
    def shown_codecs(self, row: PlatformSettings) -> str:
        """Return what every empty list means now, also if this row is empty itself."""
        return ", ".join(row.codec_names)

    def has_add_permission(self, request: HttpRequest) -> bool:
        allowed = super().has_add_permission(request)
        return allowed and not PlatformSettings.objects.exists()

    def has_delete_permission(
        self, request: HttpRequest, obj: PlatformSettings | None = None
    ) -> bool:
        return False
