"""Admin pages of voice agents."""

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from agents.forms import VoiceAgentForm
from agents.models import VoiceAgent


@admin.register(VoiceAgent)
class VoiceAgentAdmin(admin.ModelAdmin[VoiceAgent]):
    """Voice agents; a secret is written here and never shown."""

    form = VoiceAgentForm
    list_display = ("name", "enabled", "dialect", "url", "formats", "has_secret")
    list_filter = ("enabled", "dialect")
    search_fields = ("name", "url", "agent_id")
    autocomplete_fields = ("fallback_connection", "fallback_trunk")
    readonly_fields = ("uid", "created_at", "updated_at")
    fieldsets = [
        (None, {"fields": ("name", "uid", "enabled")}),
        ("Its websocket", {"fields": ("dialect", "url", "new_secret", "remove_secret", "headers")}),
        (
            "What it is",
            {
                "fields": (
                    "agent_id",
                    "system_prompt",
                    "greeting",
                    "voice",
                    "transcription_model",
                    "tools",
                    "keyterms",
                    "turn_detection",
                )
            },
        ),
        ("Audio", {"fields": ("input_encoding", "output_encoding", "volume", "codecs")}),
        ("Fallback", {"fields": ("fallback_connection", "fallback_trunk", "fallback_number")}),
        (
            "Limits",
            {
                "fields": (
                    "ready_timeout_s",
                    "silence_timeout_s",
                    "max_duration_s",
                    "answers_at_once",
                    "keeps_transcript",
                )
            },
        ),
        ("Record", {"fields": ("created_at", "updated_at")}),
    ]

    def save_model(
        self, request: HttpRequest, obj: VoiceAgent, form: ModelForm[VoiceAgent], change: bool
    ) -> None:
        """Write what was changed and nothing else: the pages write other fields meanwhile."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        written = set(form.changed_data)
        if written & {"new_secret", "remove_secret"}:
            written = written - {"new_secret", "remove_secret"} | {"secret"}
        obj.save(update_fields=sorted(written))

    @admin.display(description="formats")
    def formats(self, row: VoiceAgent) -> str:
        """Return both formats: what it hears, what it says."""
        return f"{row.input_encoding} / {row.output_encoding}"

    @admin.display(boolean=True, description="secret")
    def has_secret(self, row: VoiceAgent) -> bool:
        """Return whether it has a secret that can be read."""
        return bool(row.secret)
