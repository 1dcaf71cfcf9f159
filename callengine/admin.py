"""Admin pages of the record. The engine writes it; people read it, and `manage.py prune` clears it.

Tables here are large: no count goes through all of one, no list asks once for each row, and
searches go through an index.
"""

import json
import uuid
from functools import cached_property
from typing import Any, ClassVar, TypeVar

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Substr
from django.http import HttpRequest

from callengine.models import (
    AgentSession,
    AgentSessionLine,
    Ban,
    Call,
    CallEvent,
    CallHeader,
    EngineNode,
    Leg,
    Rejection,
    SipMessage,
)
from callengine.record.masking import without_passwords

Row = TypeVar("Row", bound=Model)

MOST_LISTED = 10_000
MOST_CALLS = 100
"Calls of one Call-ID that a search follows."


class BoundedPaginator(Paginator[Any]):
    """Pages of the first MOST_LISTED rows; counts no further."""

    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        """How many rows the pages hold."""
        return self.object_list.values("pk")[:MOST_LISTED].count()


class ReadOnly:
    """Nobody adds, changes or deletes a record by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LargeTable(ReadOnly, admin.ModelAdmin[Row]):
    """What makes a list of a large table quick."""

    show_full_result_count = False
    paginator = BoundedPaginator
    list_per_page = 50
    search_fields: ClassVar[list[str] | tuple[str, ...]] = ("pk",)
    "There is a search; what it looks for is up to `get_search_results`."


class OfCall(LargeTable[Row]):
    """Rows of a call, the newest first, found by a Call-ID or by the call's own id."""

    ordering = ("-id",)
    search_help_text = "A whole SIP Call-ID, or the id of a call."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Row], search_term: str
    ) -> tuple[QuerySet[Row], bool]:
        """Return the rows of the calls that the text names."""
        if not search_term:
            return queryset, False
        return queryset.filter(call__in=calls_named(search_term)), False


def calls_named(text: str) -> list[uuid.UUID]:
    """Return the calls that have this id, or a leg of this SIP Call-ID. One query."""
    try:
        return [uuid.UUID(text.strip())]
    except ValueError:
        legs = Leg.objects.filter(sip_call_id=text.strip()).order_by()
        return list(legs.values_list("call_id", flat=True)[:MOST_CALLS])


class CallInline(ReadOnly, admin.TabularInline[Any, Call]):
    """Rows of a call on its page."""

    extra = 0
    can_delete = False


class LegInline(CallInline):
    """The legs of a call."""

    model = Leg
    fields = ("name", "label", "state", "offered", "allowed", "codec", "remote", "user_agent")


class AgentSessionInline(CallInline):
    """The voice agents of a call."""

    model = AgentSession
    fields = (
        "leg",
        "name",
        "dialect",
        "session_id",
        "state",
        "input",
        "output",
        "how_in",
        "how_out",
        "moments",
        "barge_ins",
        "close_code",
        "close_reason",
    )


class AgentSessionLineInline(CallInline):
    """What was said to voice agents and by them, if it is kept."""

    model = AgentSessionLine
    fields = ("number", "at", "leg", "who", "text", "is_interrupted")


class CallEventInline(CallInline):
    """The timeline of a call."""

    model = CallEvent
    fields = ("at", "leg", "kind", "text")


class CallHeaderInline(CallInline):
    """Headers of the caller's that were put on record."""

    model = CallHeader
    fields = ("name", "value")


class SipMessageInline(CallInline):
    """The ladder of a call, without the messages' text."""

    model = SipMessage
    fields = ("number", "at", "leg", "direction", "peer", "summary", "codecs")
    show_change_link = True


@admin.register(Call)
class CallAdmin(LargeTable[Call]):
    """Calls."""

    inlines = [
        LegInline,
        CallHeaderInline,
        AgentSessionInline,
        AgentSessionLineInline,
        CallEventInline,
        SipMessageInline,
    ]
    exclude = ("plan",)
    readonly_fields = ("shown_plan",)
    list_display = (
        "started",
        "from_user",
        "to_user",
        "state",
        "codec_a",
        "codec_b",
        "transcoded",
        "reason",
        "code",
    )
    list_filter = ("state", "started")
    search_help_text = "What a number or user begins with, a whole Call-ID, or the id of a call."
    ordering = ("-started", "-id")

    @admin.display(description="plan")
    def shown_plan(self, row: Call) -> str:
        """Return the plan without passwords that phones wrote into their contacts."""
        return without_passwords(json.dumps(row.plan, indent=2, ensure_ascii=False))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Call]:
        calls = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and str(match.url_name).endswith("_changelist")
        return calls.defer("plan") if is_list else calls

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Call], search_term: str
    ) -> tuple[QuerySet[Call], bool]:
        """Return the calls the text names, or those of a party that begins with it."""
        text = search_term.strip()
        if not text:
            return queryset, False
        if named := calls_named(text):
            return queryset.filter(pk__in=named), False
        # In the order of the list, in one index that holds both: never through the wide rows.
        starts = {
            "from_start": Substr("from_user", 1, len(text)),
            "to_start": Substr("to_user", 1, len(text)),
        }
        matches = queryset.alias(**starts).filter(Q(from_start=text) | Q(to_start=text))
        return matches, False


@admin.register(Leg)
class LegAdmin(OfCall[Leg]):
    """Legs of all calls."""

    list_display = ("call_id", "name", "label", "state", "codec", "remote", "user_agent")


@admin.register(CallEvent)
class CallEventAdmin(OfCall[CallEvent]):
    """Timelines of all calls."""

    list_display = ("at", "call_id", "leg", "kind", "text")


@admin.register(SipMessage)
class SipMessageAdmin(OfCall[SipMessage]):
    """SIP messages of all calls, masked."""

    list_display = ("at", "call_id", "number", "leg", "direction", "peer", "summary")


@admin.register(Rejection)
class RejectionAdmin(LargeTable[Rejection]):
    """Requests that never became a call."""

    list_display = ("at", "source_address", "user", "to", "method", "code", "rule", "advice")
    list_filter = ("at",)
    search_fields = ("source_address__startswith", "user__startswith", "call_id__exact")
    search_help_text = "What a source address or user begins with, or a whole Call-ID."
    ordering = ("-at", "-id")


@admin.register(Ban)
class BanAdmin(ReadOnly, admin.ModelAdmin[Ban]):
    """Who is kept out; the page of rejections lifts a ban."""

    list_display = ("source", "user", "rule", "since", "until", "failures", "times", "node")
    ordering = ("-since", "id")


@admin.register(EngineNode)
class EngineNodeAdmin(ReadOnly, admin.ModelAdmin[EngineNode]):
    """Engine processes. One that will not come back can be deleted, and is then forgotten."""

    list_display = ("name", "started", "seen", "calls", "max_calls", "codecs")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)
