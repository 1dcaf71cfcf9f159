"""Admin pages of trunks, numbers and routes."""

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from numbering.allowance import ALLOWANCE_FIELDS
from trunks.forms import OUT_SETTINGS, TrunkForm
from trunks.models import Gateway, Number, Route, RouteTrunk, Trunk
from trunks.models.numbers import NUMBER_FIELDS
from trunks.services import HA1_FIELDS


class GatewayInline(admin.TabularInline[Gateway, Trunk]):
    """Where the trunk's calls are sent."""

    model = Gateway
    extra = 0


@admin.register(Trunk)
class TrunkAdmin(admin.ModelAdmin[Trunk]):
    """Trunks; passwords are written here and never shown."""

    form = TrunkForm
    inlines = [GatewayInline]
    list_display = ("name", "enabled", "allowed", "in_username", "gateway_list")
    list_filter = ("enabled",)
    search_fields = ("name", "in_username", "out_username", "gateways__uri")
    fieldsets = [
        (None, {"fields": ("name", "enabled")}),
        ("IN", {"fields": ("in_allowed_addresses", "in_username", "in_password", "in_codecs")}),
        ("IN, besides", {"fields": ("in_domain",)}),
        (
            "Both ways",
            {"fields": ("concurrent_calls", "media_also_from", "refer", "passes_refer", "srtp")},
        ),
        ("OUT", {"fields": ("out_username", "new_out_password", "out_codecs", *OUT_SETTINGS)}),
        ("Numbers, callers and headers", {"fields": NUMBER_FIELDS}),
        ("Permissions and limits", {"fields": ALLOWANCE_FIELDS}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Trunk]:
        return super().get_queryset(request).prefetch_related("gateways")

    def save_model(
        self, request: HttpRequest, obj: Trunk, form: ModelForm[Trunk], change: bool
    ) -> None:
        """Write what was changed and nothing else: the pages write other fields meanwhile."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        changed = set(form.changed_data)
        written = changed - {"in_password", "new_out_password"}
        if changed & {"in_username", "in_password"}:
            written |= {"in_username", *HA1_FIELDS}
        if changed & {"out_username", "new_out_password"}:
            written |= {"out_username", "out_password"}
        obj.save(update_fields=sorted(written))

    @admin.display(description="allowed addresses")
    def allowed(self, row: Trunk) -> str:
        """Return the access list on one line."""
        return ", ".join(row.in_allowed_addresses) or "-"

    @admin.display(description="gateways")
    def gateway_list(self, row: Trunk) -> str:
        """Return the gateways on one line, first to try first."""
        return ", ".join(gateway.uri for gateway in row.gateways.all()) or "-"


@admin.register(Number)
class NumberAdmin(admin.ModelAdmin[Number]):
    """Numbers and the one place each leads to."""

    list_display = ("number", "connection", "trunk", "agent", "selftest")
    list_select_related = ("connection", "trunk", "agent")
    search_fields = (
        "number",
        "connection__sip_user",
        "connection__name",
        "trunk__name",
        "agent__name",
    )
    autocomplete_fields = ("connection", "trunk", "agent")


class RouteTrunkInline(admin.TabularInline[RouteTrunk, Route]):
    """The trunks of a route, in order."""

    model = RouteTrunk
    extra = 0
    min_num = 1
    autocomplete_fields = ("trunk",)


@admin.register(Route)
class RouteAdmin(admin.ModelAdmin[Route]):
    """Prefixes, each with its trunks in the order they are tried."""

    inlines = [RouteTrunkInline]
    list_display = ("prefix", "trunk_list", "last_resort_agent")
    list_select_related = ("last_resort_agent",)
    search_fields = ("prefix", "trunks__name", "last_resort_agent__name")
    autocomplete_fields = ("last_resort_agent",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Route]:
        return super().get_queryset(request).prefetch_related("steps__trunk")

    @admin.display(description="trunks")
    def trunk_list(self, row: Route) -> str:
        """Return the trunks on one line, first to try first."""
        return ", ".join(step.trunk.name for step in row.steps.all()) or "-"
