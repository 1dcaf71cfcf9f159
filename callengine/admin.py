"""Admin pages of the record. The engine writes it; people read it."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from callengine.models import Call, CallEvent, EngineNode, Leg, Rejection, SipMessage


class ReadOnly:
    """Nobody adds or changes a record by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LegInline(ReadOnly, admin.TabularInline[Leg, Call]):
    """The legs of a call."""

    model = Leg
    extra = 0
    can_delete = False
    fields = ("name", "label", "state", "offered", "allowed", "codec", "remote", "user_agent")


class CallEventInline(ReadOnly, admin.TabularInline[CallEvent, Call]):
    """The timeline of a call."""

    model = CallEvent
    extra = 0
    can_delete = False
    fields = ("at", "leg", "kind", "text")


class SipMessageInline(ReadOnly, admin.TabularInline[SipMessage, Call]):
    """The SIP messages of a call; what they say is on its page."""

    model = SipMessage
    extra = 0
    can_delete = False
    fields = ("number", "at", "leg", "direction", "peer", "summary", "cseq", "retransmission")


@admin.register(Call)
class CallAdmin(ReadOnly, admin.ModelAdmin[Call]):
    """Calls."""

    inlines = [LegInline, CallEventInline, SipMessageInline]
    list_display = ("started", "from_user", "to_user", "state", "transcoded", "reason", "code")
    list_filter = ("state", "reason", "node")
    search_fields = ("from_user", "to_user", "source", "destination", "legs__sip_call_id")
    date_hierarchy = "started"
    ordering = ("-started",)


@admin.register(Rejection)
class RejectionAdmin(ReadOnly, admin.ModelAdmin[Rejection]):
    """Requests that never became a call."""

    list_display = ("at", "source_address", "user", "to", "method", "code", "rule", "advice")
    list_filter = ("rule", "method", "code")
    search_fields = ("source_address", "user", "to", "call_id")
    date_hierarchy = "at"
    ordering = ("-at",)


@admin.register(EngineNode)
class EngineNodeAdmin(ReadOnly, admin.ModelAdmin[EngineNode]):
    """Engine processes."""

    list_display = ("name", "started", "seen", "calls", "max_calls", "codecs")
