"""Admin page of API keys: to look at and to delete; they are made and revoked in the settings."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from api.models import ApiKey


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin[ApiKey]):
    """Every key there is or was."""

    list_display = ("name", "prefix", "owner", "created_at", "last_used_at", "expires_at")
    list_select_related = ("owner",)
    search_fields = ("name", "prefix", "owner__username")
    exclude = ("digest",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
