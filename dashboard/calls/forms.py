"""Forms by which people direct the engine."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from agents import limits
from agents.dialects.kinds import SETTINGS, DialectKind
from agents.shapes import validate_tools
from agents.validators import validate_text
from callengine.edge.callers.invites import dialled_user
from dashboard.parts.named import Called, NotNamedError, transferred_to
from trunks.parties import MAX_LENGTH

FIXED = SETTINGS | {"input_encoding", "output_encoding"}
"Settings that somebody may want to change in a call; those not in the form never may."


class AgentChangeForm(forms.Form):
    """Settings of a voice agent's session that change while it lasts; what is empty stays."""

    system_prompt = forms.CharField(
        label="System prompt",
        required=False,
        max_length=limits.MAX_PROMPT,
        validators=[validate_text],
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "true"}),
        help_text="From its next reply on.",
    )
    tools = forms.CharField(
        required=False,
        max_length=limits.MAX_TOOLS,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "none"}),
        help_text="All of them, as a JSON list; [] takes them away.",
    )
    volume = forms.IntegerField(
        required=False, min_value=0, max_value=100, help_text="0 to 100, of what the agent says."
    )

    def __init__(self, *arguments: Any, kind: DialectKind | None = None, **more: Any) -> None:
        more.setdefault("auto_id", "agent-%s")
        super().__init__(*arguments, **more)
        self._kind = kind
        for name, field in self.fields.items():
            if kind is not None and name not in kind.mutable:
                field.disabled = True
                field.help_text = f"{kind.why_immutable(name)}."

    @property
    def settings(self) -> dict[str, Any]:
        """What is to change, as `Dialect.change` takes it."""
        return {n: v for n, v in self.cleaned_data.items() if v not in (None, "")}

    def clean_tools(self) -> list[Any] | None:
        """Return the tools; None if nothing was typed."""
        text = self.cleaned_data["tools"]
        try:
            tools = json.loads(text) if text else None
        except (ValueError, RecursionError):
            raise ValidationError("This is no JSON. Allowed: a list of tools.") from None
        if text:
            validate_tools(tools)
        return tools

    def clean(self) -> dict[str, Any]:
        """Refuse what cannot change while a session lasts, and a change of nothing."""
        if self._kind is None:
            raise ValidationError("No agent is up in this call: there is nothing to change.")
        fixed = [n for n in self.data if n in FIXED and n not in self._kind.mutable]
        fixed += [n for n in self.fields if n not in self._kind.mutable and self.data.get(n)]
        if fixed:
            raise ValidationError([f"{self._kind.why_immutable(name)}." for name in fixed])
        if not self.errors and not self.settings:
            raise ValidationError("Nothing was changed: fill in what is to be another.")
        return self.cleaned_data


class TransferForm(forms.Form):
    """Whom the caller of a live call is to talk to instead."""

    to = forms.CharField(
        label="Transfer to",
        help_text="A number, or the name or SIP user of a connection.",
        error_messages={"required": "Nobody is named: type a number, or the name of a connection."},
        widget=forms.TextInput(
            attrs={
                "id": "transfer-to",
                "maxlength": MAX_LENGTH,
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
    )

    def clean_to(self) -> Called:
        """Return whom the text means: a number without visual separators, or a SIP user."""
        try:
            who = transferred_to(self.cleaned_data["to"])
        except NotNamedError as error:
            raise ValidationError(str(error)) from error
        return Called(dialled_user(who.dialled), who.words)
