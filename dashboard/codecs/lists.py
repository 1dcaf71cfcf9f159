"""Every codec list a person may arrange, and the picker that shows it.

To put a picker on a page, for an object the template has at hand:

    {% load codec_picker %}
    {% codec_picker connection "inbound" %}      also "outbound"
    {% codec_picker template "inbound" %}        also "outbound"
    {% codec_picker trunk "in" %}                also "out"
    {% codec_picker agent "codecs" %}

It brings its style sheet, its scripts, its form and its address (`connection-codecs`,
`template-codecs`, `trunk-codecs`, `agent-codecs`, `platform-codecs`), and shows what the user may
do: arrange or only look. The template must be rendered with a request. A page that loads pickers
later, into what is there already, puts `{% codec_picker_head %}` into its block `head`.

A new kind of list is one more line in LISTS, and an address in `dashboard.codecs.urls`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.db import models
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from agents.models import VoiceAgent
from audiocodecs.arranging import Arrangement, StoredList
from audiocodecs.availability import unavailable_codecs
from audiocodecs.catalogue import PLATFORM_CODECS
from audiocodecs.changes import list_changes
from audiocodecs.models import PlatformSettings
from audiocodecs.picker import Picker, present
from audiocodecs.services import ListFields
from callengine.directory.future import ListPlace, Which, future_of
from connections.models import Connection
from connections.templates import ConnectionTemplate
from dashboard.codecs.future import FutureView, present_future
from trunks.models import Trunk

MOST_FOLLOWERS = 500
"Connections that follow a template whose calls are looked at."


@dataclass(frozen=True, slots=True)
class CodecList:
    """One codec list of one model: where it is stored, where it is shown, what is said of it."""

    name: str
    fields: ListFields
    title: str
    about: str
    "One sentence; `{name}` is the object's."
    url_name: str
    home: str
    "URL name of the page the list belongs to."
    which: Which | None = None
    "How `callengine.directory.future` calls it; None: what it would have changed is not told."
    calls: str = ""
    "Which calls it holds in; `{count}` is `the last 31 calls`, `{name}` the object's name."
    fallback_words: str = "the platform list"

    @property
    def change_permission(self) -> str:
        """The permission to arrange it."""
        return self._permission("change")

    @property
    def follow_words(self) -> str:
        """What the way back to the list it falls back to is called."""
        return f"Use {self.fallback_words}"

    @property
    def is_platform(self) -> bool:
        """Whether this is the list all others fall back to."""
        return self.fields.model is PlatformSettings

    def fallback(self) -> tuple[str, ...]:
        """Return the list that holds while this one is not set."""
        return PLATFORM_CODECS if self.is_platform else PlatformSettings.load().codec_names

    def url(self, row: models.Model) -> str:
        """Return the address of its own page, which also takes what is done."""
        return reverse(self.url_name, args=[] if self.is_platform else [row.pk, self.name])

    def home_url(self, row: models.Model) -> str:
        """Return the address of the page it belongs to; nothing if there is none."""
        try:
            return reverse(self.home, args=[] if self.is_platform else [row.pk])
        except NoReverseMatch:
            return ""

    def describe(self, stored: StoredList) -> str:
        """Return a stored list in words."""
        codecs = ", ".join(stored.codecs) or self.fallback_words
        force = (", not forced", ", forced on the caller")[stored.force]
        return codecs + (force if self.fields.force else "")

    def _permission(self, verb: str) -> str:
        options = self.fields.model._meta
        return f"{options.app_label}.{verb}_{options.model_name}"


PLATFORM = CodecList(
    "codecs",
    ListFields(PlatformSettings, "codecs"),
    title="Platform codecs",
    about="Used wherever a connection or a trunk has no list of its own.",
    url_name="platform-codecs",
    home="settings",
    which="platform",
    calls="{count} that used it",
    fallback_words="the built-in order",
)
LISTS = (
    PLATFORM,
    CodecList(
        "inbound",
        ListFields(Connection, "inbound_codecs", "force_on_caller", follows="template"),
        title="Inbound codecs",
        about="Offered to the phone of {name} when it is called.",
        url_name="connection-codecs",
        home="connection",
        which="inbound",
        calls="{count} to {name}",
    ),
    CodecList(
        "outbound",
        ListFields(Connection, "outbound_codecs", follows="template"),
        title="Outbound codecs",
        about="Allowed on the caller's leg when {name} calls.",
        url_name="connection-codecs",
        home="connection",
        which="outbound",
        calls="{count} of {name} to connections here",
    ),
    CodecList(
        "inbound",
        ListFields(ConnectionTemplate, "inbound_codecs", "force_on_caller"),
        title="Inbound codecs",
        about="Offered to the phones of all connections that follow {name}.",
        url_name="template-codecs",
        home="template",
        which="inbound",
        calls="{count} to those who follow {name}",
    ),
    CodecList(
        "outbound",
        ListFields(ConnectionTemplate, "outbound_codecs"),
        title="Outbound codecs",
        about="Allowed on the caller's leg when a connection that follows {name} calls.",
        url_name="template-codecs",
        home="template",
        which="outbound",
        calls="{count} of those who follow {name} to connections here",
    ),
    CodecList(
        "in",
        ListFields(Trunk, "in_codecs"),
        title="TRUNK IN codecs",
        about="Allowed on the caller's leg of calls through {name}, whichever way they go.",
        url_name="trunk-codecs",
        home="trunk",
        which="in",
        calls="{count} that it held in",
    ),
    CodecList(
        "out",
        ListFields(Trunk, "out_codecs"),
        title="TRUNK OUT codecs",
        about="Offered to {name} when a call goes out through it.",
        url_name="trunk-codecs",
        home="trunk",
        which="out",
        calls="{count} out through {name}",
    ),
    CodecList(
        "codecs",
        ListFields(VoiceAgent, "codecs"),
        title="Codecs of the caller's leg",
        about="Allowed on the caller's leg of calls to {name}. While it has no "
        "list of its own, the codec whose bytes it takes as they are is tried first.",
        url_name="agent-codecs",
        home="agent-audio",
        which="codecs",
        calls="{count} to {name}",
    ),
)


def find_list(model: type[models.Model], name: str) -> CodecList:
    """Return the list of this name of a model; raises LookupError if it has none such."""
    for codec_list in LISTS:
        if (codec_list.fields.model, codec_list.name) == (model, name):
            return codec_list
    raise LookupError(f"{model.__name__} has no codec list {name!r}")


@dataclass(frozen=True, slots=True)
class Notice:
    """What is said of the lists: `saved`, `error` or `conflict`."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class PastChange:
    """One of the list's last changes, in words."""

    number: int
    at: datetime
    who: str
    before: str
    after: str


def picker_context(
    request: HttpRequest,
    codec_list: CodecList,
    row: models.Model,
    *,
    arrangement: Arrangement | None = None,
    base: StoredList | None = None,
    notice: Notice | None = None,
) -> Mapping[str, Any]:
    """Return what templates/codecs renders; without an arrangement, what is stored.

    Twelve queries at most.
    """
    fallback = codec_list.fallback()
    base = codec_list.fields.read(row) if base is None else base
    followed = followed_by(row)
    picker: Picker = present(
        Arrangement.of(base, fallback) if arrangement is None else arrangement,
        base=base,
        fallback=fallback,
        unavailable=unavailable_codecs(),
        editable=followed is None
        and cast("Any", request.user).has_perm(codec_list.change_permission),
    )
    changes = list_changes(codec_list.fields, row) if picker.editable else ()
    return {
        "future": future_view(request, codec_list, row, picker.arrangement),
        "changes": [
            PastChange(
                *(one.number, one.at, one.who),
                before=codec_list.describe(one.before),
                after=codec_list.describe(one.after),
            )
            for one in changes
        ],
        "picker": picker,
        "followed": followed,
        "list": codec_list,
        "about": codec_list.about.format(name=getattr(row, "name", "")),
        "element": f"codecs-{row._meta.model_name}-{row.pk}-{codec_list.name}",
        "url": codec_list.url(row),
        "notice": notice,
        "request": request,
    }


def future_view(
    request: HttpRequest, codec_list: CodecList, row: models.Model, arrangement: Arrangement
) -> FutureView | None:
    """Return what a list would have made of past calls; None for who may not see calls."""
    if codec_list.which is None or not cast("Any", request.user).has_perm("callengine.view_call"):
        return None
    stored, wanted = codec_list.fields.read(row), arrangement.stored
    calls = codec_list.calls.replace("{name}", str(getattr(row, "name", "")))
    future = future_of(ListPlace(codec_list.which, _labels(row)), stored=stored, wanted=wanted)
    return present_future(
        future,
        calls=calls,
        is_agent=codec_list.which == "codecs",
        is_trial=stored != wanted,
    )


def followed_by(row: models.Model) -> ConnectionTemplate | None:
    """Return the template whose lists a row's are, if it follows one."""
    return row.template if isinstance(row, Connection) else None


def _labels(row: models.Model) -> tuple[str, ...]:
    """Return whose calls a row's lists hold in; of a template those who follow it. One query."""
    if isinstance(row, ConnectionTemplate):
        users = row.connections.order_by("pk").values_list("sip_user", flat=True)
        return tuple(f"connection:{user}" for user in users[:MOST_FOLLOWERS])
    if isinstance(row, Connection):
        return (f"connection:{row.sip_user}",)
    if isinstance(row, Trunk):
        return (f"trunk:{row.name}",)
    return (f"agent:{row.name}",) if isinstance(row, VoiceAgent) else ()
