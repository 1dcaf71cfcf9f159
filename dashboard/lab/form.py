"""The codec lab's form: what stands in its address, and the case it makes."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms

from audiocodecs.fields import CodecListFormField
from audiocodecs.models import PlatformSettings
from audiocodecs.widgets import CodecListInput
from callengine.core.lab import LabCase, LabEnds
from callengine.directory.stored import STORED
from callengine.lab.ends import UnknownEndError, find_ends
from callengine.lab.messages import TALK_S
from dashboard.parts.cases import query

SOURCES = (
    ("connection", "A connection"),
    ("trunk", "A trunk"),
    ("unknown", "Somebody unknown"),
    ("free", "A list of your own"),
)
DESTINATIONS = (
    ("connection", "A connection"),
    ("trunk", "A trunk"),
    ("agent", "A voice agent"),
    ("free", "A list of your own"),
    ("free-trunk", "A trunk of your own"),
)
_NAMED = {
    "connection": "SIP user of a connection",
    "trunk": "trunk",
    "agent": "voice agent",
}
"What is to be named, by the kind of end."
DEFAULT_TALK_S = 20


class ChoiceField(forms.ChoiceField):
    """A choice whose error names what is allowed."""

    def __init__(self, *, choices: tuple[tuple[str, str], ...], **kwargs: Any) -> None:
        allowed = ", ".join(name for name, _ in choices)
        text = f"This is not a choice: %(value)s. Allowed: {allowed}."
        kwargs["error_messages"] = {"invalid_choice": text, "required": f"Allowed: {allowed}."}
        super().__init__(choices=choices, **kwargs)


def _name(label: str, suggestions: str) -> forms.CharField:
    attributes = {"list": suggestions, "autocomplete": "off", "spellcheck": "false"}
    return forms.CharField(
        label=label, required=False, max_length=100, widget=forms.TextInput(attributes)
    )


def _codecs(label: str) -> CodecListFormField:
    return CodecListFormField(
        label=label,
        required=False,
        max_length=200,
        help_text="Best first. Empty: the platform list.",
        widget=CodecListInput({"autocomplete": "off", "spellcheck": "false", "class": "mono"}),
    )


class LabForm(forms.Form):
    """A case of the codec lab; `case` and `ends` hold it once it is valid."""

    source = ChoiceField(choices=SOURCES, label="Source")
    source_name = _name("Calling connection or trunk", "lab-source-names")
    source_codecs = _codecs("VN-A: our list toward the caller")
    destination = ChoiceField(choices=DESTINATIONS, label="Destination")
    destination_name = _name("Called connection, trunk or voice agent", "lab-destination-names")
    destination_in_codecs = _codecs("VN-A: its TRUNK IN list, toward the caller")
    destination_codecs = _codecs("VN-B: our list toward the callee")
    force = forms.BooleanField(label="Force selected codecs on the caller", required=False)
    a = _codecs("A: the caller offers")
    b = _codecs("B: the callee can do")

    case: LabCase
    ends: LabEnds

    def __init__(self, *args: Any, hidden: Collection[str] = (), **kwargs: Any) -> None:
        """Make the form without the kinds of ends in `hidden`, which the reader may not see."""
        super().__init__(*args, **kwargs)
        if hidden:
            for name, choices in (("source", SOURCES), ("destination", DESTINATIONS)):
                left = tuple(choice for choice in choices if choice[0] not in hidden)
                self.fields[name] = ChoiceField(choices=left, label=self.fields[name].label)

    def clean(self) -> dict[str, Any]:
        """Look both ends up, so that a name that is not there is an error of its field."""
        cleaned = super().clean() or {}
        for end in ("source", "destination"):
            what = _NAMED.get(cleaned.get(end, ""))
            if what and not cleaned.get(f"{end}_name") and f"{end}_name" not in self.errors:
                self.add_error(f"{end}_name", f"Name the {what}, or choose another {end}.")
        if not self.errors:
            self._make_case(cleaned)
        return cleaned

    def _make_case(self, cleaned: Mapping[str, Any]) -> None:
        self.case = _only_what_counts(cleaned)
        try:
            self.ends = find_ends(self.case, store=STORED)
        except UnknownEndError as error:
            self.add_error(error.field, str(error))

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield the label of each field in error, and what is wrong with it."""
        for name, field in self.fields.items():
            for error in self.errors.get(name, ()):
                yield str(field.label), str(error)


def _only_what_counts(cleaned: Mapping[str, Any]) -> LabCase:
    """Return the case without what belongs to choices that were not made."""
    source, destination = cleaned["source"], cleaned["destination"]
    platform = PlatformSettings.load().codec_names
    free_end = destination in ("free", "free-trunk")
    return LabCase(
        source=source,
        destination=destination,
        caller=tuple(cleaned["a"]) or platform,
        callee=() if destination == "agent" else tuple(cleaned["b"]) or platform,
        source_name=cleaned["source_name"] if source in ("connection", "trunk") else "",
        destination_name="" if free_end else cleaned["destination_name"],
        source_codecs=tuple(cleaned["source_codecs"]) if source == "free" else (),
        destination_codecs=tuple(cleaned["destination_codecs"]) if free_end else (),
        destination_in_codecs=(
            tuple(cleaned["destination_in_codecs"]) if destination == "free-trunk" else ()
        ),
        force=cleaned["force"] and destination == "free",
    )


class TalkForm(forms.Form):
    """How long a lab call may take, in seconds."""

    talk_s = forms.IntegerField(
        label="Talk for",
        initial=DEFAULT_TALK_S,
        min_value=int(TALK_S[0]),
        max_value=int(TALK_S[1]),
        required=False,
        # What somebody set here stays when the comparison around it is drawn anew.
        widget=forms.NumberInput({"hx-preserve": "true"}),
        error_messages={
            "min_value": "Talk for %(limit_value)s seconds or more.",
            "max_value": "Talk for %(limit_value)s seconds at most.",
        },
    )

    def clean_talk_s(self) -> int:
        """Return the default for nothing."""
        return int(self.cleaned_data["talk_s"] or DEFAULT_TALK_S)


@dataclass(frozen=True, slots=True)
class LabExample:
    """One of the six worked examples."""

    number: int
    title: str
    case: LabCase

    @property
    def query(self) -> str:
        """The query string of its address."""
        return query(self.case)


_A = ("OPUS", "G722", "PCMA")
_B = ("OPUS", "G722", "AMR-WB", "PCMU", "PCMA")
_LIST = ("G722", "PCMU", "PCMA")
_OUT = ("OPUS", "G722")
_BOB: dict[str, Any] = {"destination": "free", "callee": _B, "destination_codecs": _LIST}
EXAMPLES = (
    LabExample(1, "From outside to a connection", LabCase("unknown", caller=_A, **_BOB)),
    LabExample(2, "The same, forced", LabCase("unknown", caller=_A, force=True, **_BOB)),
    LabExample(
        3, "Forced, and only OPUS offered", LabCase("unknown", caller=("OPUS",), force=True, **_BOB)
    ),
    LabExample(
        4,
        "Connection to connection",
        LabCase("free", caller=_A, source_codecs=_OUT, **_BOB),
    ),
    LabExample(
        5,
        "The same, forced",
        LabCase("free", caller=_A, source_codecs=_OUT, force=True, **_BOB),
    ),
    LabExample(
        6,
        "Through a trunk",
        LabCase(
            "free",
            "free-trunk",
            caller=_A,
            callee=_B,
            destination_codecs=_LIST,
            destination_in_codecs=_LIST,
        ),
    ),
)
"""The worked examples of the negotiation rule, in its order."""
