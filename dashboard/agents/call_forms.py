"""Forms of what holds for calls to a voice agent: its audio formats, limits and fallback."""

from typing import Any

from django import forms

from agents import limits, shapes
from agents.dialects.registry import DIALECTS
from agents.formats import SAMPLE_RATES_HZ, Encoding
from agents.models import VoiceAgent
from dashboard.agents.fallbacks import fallback_named, fallback_words
from dashboard.agents.fields import HeaderLinesField
from dashboard.agents.formparts import FORMATS, AgentPart
from trunks.number_forms import PartyInput
from trunks.parties import MAX_LENGTH

_ENCODING_WORDS = {
    Encoding.PCM: "16 bit, the highest quality",
    Encoding.PCMU: "G.711 mu-law, telephony",
    Encoding.PCMA: "G.711 A-law, telephony",
}


def encoding_words(encoding: Encoding) -> str:
    """Return an encoding as it is chosen: `audio/pcmu, 8 kHz: G.711 mu-law, telephony`."""
    return f"{encoding}, {SAMPLE_RATES_HZ[encoding] // 1000} kHz: {_ENCODING_WORDS[encoding]}"


class AgentAudioForm(AgentPart):
    """The formats of both directions, and the loudness of the agent."""

    shown_fields = (*FORMATS, "volume")
    input_encoding = forms.ChoiceField(label="Input: caller to agent")
    output_encoding = forms.ChoiceField(label="Output: agent to caller")
    volume = forms.IntegerField(
        label="Volume",
        required=False,
        min_value=0,
        max_value=limits.MAX_VOLUME,
        help_text="0 to 100. Empty: as loud as the agent is by itself.",
    )

    class Meta:
        model = VoiceAgent
        fields = (*FORMATS, "volume")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = DIALECTS.get(self.instance.dialect)
        inputs = self.kind.inputs if self.kind else tuple(Encoding)
        outputs = self.kind.outputs if self.kind else tuple(Encoding)
        for name, encodings in zip(FORMATS, (inputs, outputs), strict=True):
            field: Any = self.fields[name]
            field.choices = [(str(one), encoding_words(one)) for one in encodings]
        if self.kind and "volume" not in self.kind.settings:
            del self.fields["volume"]


class AgentCallsForm(AgentPart):
    """What holds for calls to the agent, whatever it speaks."""

    shown_fields = (
        "fallback_connection",
        "fallback_trunk",
        "fallback_number",
        "max_duration_s",
        "silence_timeout_s",
        "ready_timeout_s",
        "headers",
        "keeps_transcript",
        "answers_at_once",
    )
    fallback = forms.CharField(
        label="Fallback",
        required=False,
        max_length=MAX_LENGTH,
        widget=PartyInput(placeholder="nobody: the caller is told 503"),
        help_text="Who is called if the agent cannot be had, or is lost: a connection by its SIP "
        "user or name, a number, or a number and the trunk it goes through "
        "(+12025550100 via carrier-one).",
    )
    headers = HeaderLinesField(
        label="SIP headers it is told",
        validate=shapes.validate_headers,
        rows=3,
        help_text="One a line, with the name of the parameter: X-Customer: customer_id.",
    )

    class Meta:
        model = VoiceAgent
        fields = (
            "max_duration_s",
            "silence_timeout_s",
            "ready_timeout_s",
            "headers",
            "keeps_transcript",
            "answers_at_once",
        )
        labels = {
            "max_duration_s": "Longest call, in seconds",
            "silence_timeout_s": "Silence limit, in seconds",
            "ready_timeout_s": "Wait for ready, in seconds",
            "keeps_transcript": "Keep the transcript",
            "answers_at_once": "Answer at once",
        }
        help_texts = {
            "max_duration_s": "Empty: as long as any call may last.",
            "silence_timeout_s": "When neither has said anything for so long, the call is ended. "
            "Empty: never.",
            "ready_timeout_s": "How long the caller hears ringing before it counts as not to be "
            "had.",
            "keeps_transcript": "What both said stands on the page of the call, then and later.",
            "answers_at_once": "The caller is answered before the agent is ready, and hears "
            "ringing until then. Off: answered when the agent is ready.",
        }

    field_order = (
        "fallback",
        "ready_timeout_s",
        "silence_timeout_s",
        "max_duration_s",
        "headers",
        "keeps_transcript",
        "answers_at_once",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["fallback"] = fallback_words(self.instance)
        kind = DIALECTS.get(self.instance.dialect)
        if kind and "headers" not in kind.settings:
            del self.fields["headers"]
        elif kind and "headers" in kind.notes:
            self.fields["headers"].help_text += f" {kind.notes['headers']}"
        self.fields["fallback"].widget.attrs["list"] = "id_fallback_names"

    def clean_fallback(self) -> dict[str, Any]:
        """Return the columns that a fallback stands in."""
        return fallback_named(self.cleaned_data["fallback"])

    def _post_clean(self) -> None:
        for name, value in self.cleaned_data.get("fallback", {}).items():
            setattr(self.instance, name, value)
        super()._post_clean()  # type: ignore[misc]
