"""Forms of who a voice agent is and how it is reached; the dialect decides what they hold."""

from collections.abc import Mapping
from typing import Any

from django import forms

from agents import shapes
from agents.concealed import KEPT as KEPT_SECRET
from agents.concealed import concealed, revealed
from agents.dialects.kinds import SETTINGS, DialectKind
from agents.dialects.registry import DIALECTS
from agents.models import VoiceAgent
from agents.validators import refused, validate_secret
from dashboard.agents.fields import JsonTextField, TermLinesField, text_area
from dashboard.agents.formparts import FORMATS, AgentPart, OfAgent
from sip.forms import typed
from sip.names import PARTY_NAME_FORM

ENTRY = (
    "name",
    "dialect",
    "url",
    "agent_id",
    "system_prompt",
    "greeting",
    "voice",
    "transcription_model",
    "tools",
    "keyterms",
    "turn_detection",
)
KEPT = "Kept encrypted, never shown again."
REPLACED = (
    "It is set, and never shown. Type another one to replace it; leave this empty to keep it."
)
LABELS = {
    "url": "URL",
    "agent_id": "Stored agent",
    "system_prompt": "System prompt",
    "transcription_model": "Transcription model",
}
WIDGETS = {
    "name": typed(),
    "url": typed(),
    "agent_id": typed(),
    "voice": typed(),
    "transcription_model": typed(),
    "system_prompt": text_area(8, spellcheck="true"),
    "greeting": text_area(2, spellcheck="true"),
}
HELP = {
    "url": "Where its websocket is: ws:// or wss://.",
    "agent_id": "The id of an agent that is kept at the server.",
    "system_prompt": "What it is told to be and to do.",
    "greeting": "What it says first. Empty: whatever it says by itself.",
    "voice": "As the agent's server calls it.",
    "transcription_model": "What writes down what the caller says.",
}


def _secret(help_text: str) -> forms.CharField:
    return forms.CharField(
        label="Secret",
        required=False,
        strip=False,
        validators=[validate_secret],
        # Typed once, it stays while another dialect is chosen: no answer of ours could hold it.
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "hx-preserve": "true"}),
        help_text=help_text,
    )


def _dialect() -> forms.ChoiceField:
    return forms.ChoiceField(
        label="Dialect",
        choices=lambda: [(kind.name, kind.label) for kind in DIALECTS.values()],
        help_text="What its websocket speaks.",
    )


def fitting_formats(agent: VoiceAgent, kind: DialectKind | None) -> dict[str, str]:
    """Return those formats of an agent that a dialect cannot carry, with what they become."""
    if kind is None:
        return {}
    carried = zip(FORMATS, (kind.inputs, kind.outputs), strict=True)
    return {
        name: str(allowed[0]) for name, allowed in carried if getattr(agent, name) not in allowed
    }


class _ByDialect(OfAgent):
    """A form that shows the settings which the chosen dialect uses, and no others."""

    HEAD = ("name", "dialect")
    "Fields that are there whichever dialect is chosen."

    def __init__(self, *args: Any, typed_so_far: Mapping[str, Any] | None = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        so_far = typed_so_far or {}
        self.initial.update({name: so_far[name] for name in self.fields if name in so_far})
        named = self.data.get("dialect") or self.initial.get("dialect") or ""
        self.kind = DIALECTS.get(named)
        if self.kind is not None:
            self.keep_to(self.kind)

    def keep_to(self, kind: DialectKind) -> None:
        """Take away what a dialect does not use, and say what it has to say of the rest."""
        for name in SETTINGS - kind.settings:
            self.fields.pop("new_secret" if name == "secret" else name, None)
        if "new_secret" in self.fields:
            label = kind.credential
            self.fields["new_secret"].label = f"{label[0].upper()}{label[1:]}"
        self.fields["url"].widget.attrs["placeholder"] = kind.url_example
        for name, note in kind.notes.items():
            field = self.fields.get("new_secret" if name == "secret" else name)
            if field is not None:
                field.help_text = f"{field.help_text} {note}".strip()

    @property
    def head(self) -> list[forms.BoundField]:
        """The fields above those that depend on the dialect."""
        return [self[name] for name in self.HEAD]

    @property
    def rest(self) -> list[forms.BoundField]:
        """The fields that depend on the dialect."""
        return [field for field in self.visible_fields() if field.name not in self.HEAD]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name in {"system_prompt", "greeting"} & cleaned.keys():
            # Browsers end lines in two characters, of which an agent needs to hear one.
            cleaned[name] = cleaned[name].replace("\r\n", "\n")
        return cleaned

    def _post_clean(self) -> None:
        for name, encoding in fitting_formats(self.instance, self.kind).items():
            setattr(self.instance, name, encoding)
        if self.cleaned_data.get("new_secret"):
            self.instance.secret = self.cleaned_data["new_secret"]
        super()._post_clean()  # type: ignore[misc]


class AgentAddForm(_ByDialect):
    """A new agent: what is needed to reach it, and to have it talk."""

    dialect = _dialect()
    new_secret = _secret(KEPT)

    class Meta:
        model = VoiceAgent
        fields = ("name", "dialect", "url", "agent_id", "system_prompt")
        labels = LABELS
        widgets = WIDGETS
        help_texts = {**HELP, "name": f"{PARTY_NAME_FORM[0].upper()}{PARTY_NAME_FORM[1:]}."}

    field_order = ("name", "dialect", "url", "new_secret", "agent_id", "system_prompt")

    def keep_to(self, kind: DialectKind) -> None:
        """Leave for the agent's own page what it can do without."""
        super().keep_to(kind)
        needed = frozenset[str]().union(*kind.needs)
        for name in {"agent_id", "system_prompt"} - needed:
            self.fields.pop(name, None)


class AgentForm(_ByDialect, AgentPart):
    """Who the agent is and how it is reached; only the settings that its dialect uses."""

    shown_fields = ENTRY
    unseen_fields = ("secret", *FORMATS)
    dialect = _dialect()
    new_secret = _secret(KEPT)
    secret_remove = forms.BooleanField(label="Remove the secret", required=False)
    tools = JsonTextField(
        label="Tools",
        empty=list,
        validate=shapes.validate_tools,
        rows=8,
        help_text='JSON: a list of functions that it may call, such as [{"name": "look_up", '
        '"description": "...", "parameters": {"type": "object", "properties": {}}}].',
    )
    keyterms = TermLinesField(
        label="Key terms",
        validate=shapes.validate_keyterms,
        rows=3,
        help_text="Words it should listen for, such as names; one a line.",
    )
    turn_detection = JsonTextField(
        label="Turn detection",
        empty=dict,
        validate=shapes.validate_turn_detection,
        rows=4,
        help_text="JSON, as the agent's own documentation has it.",
    )

    class Meta:
        model = VoiceAgent
        fields = ENTRY
        labels = LABELS
        widgets = WIDGETS
        help_texts = {**HELP, "name": "Calls of the past keep the name they were made with."}

    field_order = (*ENTRY[:3], "new_secret", "secret_remove", *ENTRY[3:])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.initial.get("tools") == self.instance.tools:
            self.initial["tools"] = concealed(self.instance.tools)

    def clean_tools(self) -> Any:
        """Take `***` in a header for the value that is kept."""
        whole, missing = revealed(self.cleaned_data["tools"], self.instance.tools)
        for place, name in missing:
            raise refused(
                KEPT_SECRET, "the value: none is kept", at=f"[{place}].http.headers.{name}"
            )
        return whole

    def keep_to(self, kind: DialectKind) -> None:
        """Offer to remove the secret only if there is one."""
        super().keep_to(kind)
        if not self.instance.secret:
            del self.fields["secret_remove"]
        elif "new_secret" in self.fields:
            self.fields["new_secret"].widget.attrs["placeholder"] = "set"
            self.fields[
                "new_secret"
            ].help_text = f"{REPLACED} {kind.notes.get('secret', '')}".strip()

    @property
    def changed_formats(self) -> dict[str, str]:
        """The formats that become others with this dialect."""
        return fitting_formats(self.instance, self.kind)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("secret_remove") and cleaned.get("new_secret"):
            self.add_error("secret_remove", "Either give a secret or remove it.")
        return cleaned

    def _post_clean(self) -> None:
        if self.cleaned_data.get("secret_remove"):
            self.instance.secret = ""
        super()._post_clean()
