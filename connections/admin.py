"""Admin pages of connections and their registrations."""

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from connections.forms import ConnectionForm
from connections.models import Connection, Registration


class RegistrationInline(admin.TabularInline[Registration, Connection]):
    """Where the endpoint is registered now; only the engine writes here."""

    model = Registration
    extra = 0
    can_delete = False
    fields = readonly_fields = ("user_agent", "contact", "flow", "expires_at", "registered_at")

    def has_add_permission(self, request: HttpRequest, obj: Connection | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Connection | None = None) -> bool:
        return False


@admin.register(Connection)
class ConnectionAdmin(admin.ModelAdmin[Connection]):
    """SIP endpoints."""

    form = ConnectionForm
    inlines = [RegistrationInline]
    list_display = ("name", "sip_user", "enabled", "registered", "password_set", "forces")
    list_filter = ("enabled", "force_on_caller")
    search_fields = ("name", "sip_user", "address")
    fieldsets = [
        (None, {"fields": ("name", "sip_user", "password", "enabled")}),
        ("Codecs", {"fields": ("inbound_codecs", "force_on_caller", "outbound_codecs")}),
        ("Reaching it", {"fields": ("address", "concurrent_calls")}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        valid = Q(registrations__expires_at__gt=timezone.now())
        return super().get_queryset(request).annotate(bindings=Count("registrations", filter=valid))

    @admin.display(description="registered", ordering="bindings")
    def registered(self, row: Connection) -> str:
        """Return how many contacts are registered, or that it has a fixed address."""
        bindings: int = getattr(row, "bindings", 0)
        return "fixed address" if row.address else str(bindings)

    @admin.display(boolean=True, description="forces", ordering="force_on_caller")
    def forces(self, row: Connection) -> bool:
        """Return whether its inbound list is forced on the caller."""
        return row.force_on_caller

    @admin.display(boolean=True, description="password")
    def password_set(self, row: Connection) -> bool:
        """Return whether it can authenticate."""
        return bool(row.ha1_md5)
