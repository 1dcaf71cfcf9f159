"""Admin page of the platform settings."""

from django.contrib import admin
from django.http import HttpRequest

from audiocodecs.models import PlatformSettings


@admin.register(PlatformSettings)
class PlatformSettingsAdmin(admin.ModelAdmin[PlatformSettings]):
    """The one row: made once, never deleted."""

    fields = ("codecs", "external_sip")
    list_display = ("__str__", "shown_codecs", "external_sip")

    @admin.display(description="platform codecs")
    def shown_codecs(self, row: PlatformSettings) -> str:
        """Return the list in force."""
        return ", ".join(row.codec_names)

    def has_add_permission(self, request: HttpRequest) -> bool:
        allowed = super().has_add_permission(request)
        return allowed and not PlatformSettings.objects.exists()

    def has_delete_permission(
        self, request: HttpRequest, obj: PlatformSettings | None = None
    ) -> bool:
        return False
