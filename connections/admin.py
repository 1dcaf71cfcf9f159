"""Admin pages of connections and their registrations."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone

from connections.forms import ConnectionForm
from connections.models import Connection, Registration
from connections.services import HA1_FIELDS
from connections.states import state_of, with_bindings, with_state_rank
from connections.templates import ConnectionTemplate
from numbering.allowance import ALLOWANCE_FIELDS


class _EngineOwns:
    """Only the engine writes these rows."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RegistrationInline(_EngineOwns, admin.TabularInline[Registration, Connection]):
    """Where the endpoint is registered now."""

    model = Registration
    extra = 0
    can_delete = False
    fields = readonly_fields = (
        "user_agent",
        "shown_contact",
        "flow",
        "reached_at",
        "shown_path",
        "since",
        "registered_at",
        "expires_at",
    )


@admin.register(Registration)
class RegistrationAdmin(_EngineOwns, admin.ModelAdmin[Registration]):
    """Every binding of every connection, to look at; the engine owns them."""

    exclude = ("contact", "path")
    readonly_fields = ("shown_contact", "shown_path")
    list_display = ("connection", "user_agent", "shown_contact", "flow", "since", "expires_at")
    list_select_related = ("connection",)
    search_fields = (
        "connection__name",
        "connection__sip_user",
        "contact",
        "flow",
        "user_agent",
        "call_id",
    )

    def has_delete_permission(self, request: HttpRequest, obj: Registration | None = None) -> bool:
        # With its connection it may go; by itself only the engine ends it.
        return obj is None and "/registration/" not in request.path


@admin.register(ConnectionTemplate)
class ConnectionTemplateAdmin(admin.ModelAdmin[ConnectionTemplate]):
    """Codec lists that many connections have alike; saving one gives them to all that follow it."""

    list_display = ("name", "inbound_codecs", "force_on_caller", "outbound_codecs")
    search_fields = ("name",)
    fields = ("name", "inbound_codecs", "force_on_caller", "outbound_codecs")


@admin.register(Connection)
class ConnectionAdmin(admin.ModelAdmin[Connection]):
    """Connections with their state; a password is written here and never shown."""

    form = ConnectionForm
    inlines = [RegistrationInline]
    list_display = ("name", "sip_user", "state", "enabled", "password_set", "forces")
    list_filter = ("enabled", "force_on_caller")
    search_fields = ("name", "sip_user", "address")
    autocomplete_fields = ("agent", "template")
    fieldsets = [
        (None, {"fields": ("name", "sip_user", "password", "enabled")}),
        (
            "Codecs",
            {"fields": ("template", "inbound_codecs", "force_on_caller", "outbound_codecs")},
        ),
        ("Reaching it", {"fields": ("address", "concurrent_calls", "caller_id", "srtp")}),
        ("Voice agent", {"fields": ("agent", "agent_when")}),
        (
            "Permissions and limits",
            {"fields": (*ALLOWANCE_FIELDS, "ring_timeout_s", "holds_back_early_media")},
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        now = timezone.now()
        rows = super().get_queryset(request)
        return with_bindings(with_state_rank(rows, now=now), now=now)

    def save_model(
        self, request: HttpRequest, obj: Connection, form: ModelForm[Connection], change: bool
    ) -> None:
        """Write what was changed and nothing else: the pages write other fields meanwhile."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        written = [name for name in form.changed_data if name != "password"]
        if "password" in form.changed_data:
            written += HA1_FIELDS
        obj.save(update_fields=written)

    @admin.display(description="state", ordering="state_rank")
    def state(self, row: Connection) -> str:
        """Return whether it can be reached, and with how many contacts."""
        bindings: list[Registration] = getattr(row, "bindings", [])
        label = str(state_of(row, bindings).label)
        return f"{label} ({len(bindings)})" if bindings else label

    @admin.display(boolean=True, description="forces", ordering="force_on_caller")
    def forces(self, row: Connection) -> bool:
        """Return whether its inbound list is forced on the caller."""
        return row.force_on_caller

    @admin.display(boolean=True, description="password")
    def password_set(self, row: Connection) -> bool:
        """Return whether it has a password, whatever realm it was set for."""
        return bool(row.ha1_md5)
