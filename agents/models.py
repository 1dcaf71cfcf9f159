"""Voice agents: what is at the other end of a call that ends in a websocket."""

import uuid
from typing import Any

from django.core.validators import (
    MaxLengthValidator,
    MaxValueValidator,
    MinValueValidator,
    RegexValidator,
)
from django.db import models
from django.db.models import Q

from agents import limits, shapes
from agents.fitness import check_fitness
from agents.formats import Encoding
from agents.validators import (
    validate_dialect,
    validate_encoding,
    validate_secret,
    validate_text,
    validate_websocket_url,
)
from audiocodecs.fields import CodecListField
from sip.encrypted import EncryptedTextField
from sip.names import PARTY_NAME, PARTY_NAME_FORM

ENCODINGS = [encoding.value for encoding in Encoding]
JSON_SHAPES: dict[str, type] = {
    "tools": list,
    "keyterms": list,
    "turn_detection": dict,
    "headers": dict,
}
FALLBACK_NUMBER = r"\A\+?[A-Za-z0-9._*#-]{1,64}\Z"
FALLBACK_NUMBER_FORM = "1 to 64 of A-Z a-z 0-9 . _ * # -, with or without a + in front"


class VoiceAgent(models.Model):
    """A program that talks; calls reach it by a websocket that we open.

    The secret is encrypted with a key made from SECRET_KEY; nothing shows it.
    """

    uid = models.UUIDField("id", default=uuid.uuid4, unique=True, editable=False)
    "What the API calls it."
    name = models.CharField(
        max_length=limits.MAX_NAME,
        unique=True,
        validators=[RegexValidator(PARTY_NAME, f"A voice agent's name is {PARTY_NAME_FORM}.")],
        error_messages={"unique": "Another voice agent already has this name."},
    )
    enabled = models.BooleanField(default=True)
    dialect = models.CharField(
        max_length=32,
        validators=[validate_dialect],
        help_text="What its websocket speaks.",
    )
    url = models.CharField(
        "URL",
        max_length=limits.MAX_URL,
        validators=[validate_websocket_url],
        help_text="Where its websocket is opened, such as wss://agents.example.com/v1/ws.",
    )
    secret = EncryptedTextField(blank=True, editable=False, validators=[validate_secret])
    agent_id = models.CharField(
        "stored agent",
        max_length=limits.MAX_SHORT,
        blank=True,
        validators=[validate_text],
        help_text="Id of an agent that is kept at the server; the fields below are then its own.",
    )
    system_prompt = models.TextField(
        max_length=limits.MAX_PROMPT,
        blank=True,
        validators=[validate_text, MaxLengthValidator(limits.MAX_PROMPT)],
    )
    greeting = models.TextField(
        max_length=limits.MAX_GREETING,
        blank=True,
        validators=[validate_text, MaxLengthValidator(limits.MAX_GREETING)],
        help_text="What it says first.",
    )
    voice = models.CharField(max_length=limits.MAX_SHORT, blank=True, validators=[validate_text])
    transcription_model = models.CharField(
        max_length=limits.MAX_SHORT,
        blank=True,
        validators=[validate_text],
        help_text="The model that writes down what the caller says. Empty: the vendor's usual one.",
    )
    tools = models.JSONField(default=list, blank=True, validators=[shapes.validate_tools])
    keyterms = models.JSONField(default=list, blank=True, validators=[shapes.validate_keyterms])
    turn_detection = models.JSONField(
        default=dict, blank=True, validators=[shapes.validate_turn_detection]
    )
    input_encoding = models.CharField(
        "input format",
        max_length=16,
        default=Encoding.PCM.value,
        validators=[validate_encoding],
        help_text="Of the audio from the caller to the agent.",
    )
    output_encoding = models.CharField(
        "output format",
        max_length=16,
        default=Encoding.PCM.value,
        validators=[validate_encoding],
        help_text="Of the audio from the agent to the caller.",
    )
    volume = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(limits.MAX_VOLUME)],
        help_text="0 to 100. Empty: the agent's own.",
    )
    codecs = CodecListField(
        blank=True,
        help_text="Allowed on the caller's leg. Empty: the platform list, with the codec whose "
        "bytes pass untouched first.",
    )
    fallback_connection = models.ForeignKey(
        "connections.Connection",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="agents_falling_back",
    )
    fallback_trunk = models.ForeignKey(
        "trunks.Trunk",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="agents_falling_back",
    )
    fallback_number = models.CharField(
        max_length=64,
        blank=True,
        validators=[
            RegexValidator(FALLBACK_NUMBER, f"A fallback number is {FALLBACK_NUMBER_FORM}.")
        ],
        help_text="Dialled through the trunk; without one, looked up as any dialled number.",
    )
    max_duration_s = models.PositiveIntegerField(
        "longest call",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(limits.MAX_CALL_S)],
        help_text="Seconds. Empty: as long as any call.",
    )
    silence_timeout_s = models.PositiveIntegerField(
        "silence limit",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(limits.MAX_SILENCE_S)],
        help_text="Seconds in which neither says anything before the call is ended. Empty: none.",
    )
    ready_timeout_s = models.PositiveSmallIntegerField(
        "wait for ready",
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(limits.MAX_READY_S)],
        help_text="Seconds it may take until it can be talked to.",
    )
    headers = models.JSONField(
        default=dict,
        blank=True,
        validators=[shapes.validate_headers],
        help_text="SIP headers of the call that it is told, each with the name of the parameter.",
    )
    keeps_transcript = models.BooleanField("keep the transcript", default=True)
    answers_at_once = models.BooleanField(
        "answer at once",
        default=False,
        help_text="The caller is answered before the agent is ready, and hears ringing until then.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="agent_has_a_name"),
            models.CheckConstraint(condition=~Q(url=""), name="agent_has_a_url"),
            models.CheckConstraint(condition=~Q(dialect=""), name="agent_has_a_dialect"),
            models.CheckConstraint(
                condition=Q(input_encoding__in=ENCODINGS, output_encoding__in=ENCODINGS),
                name="agent_encodings_are_known",
            ),
            models.CheckConstraint(
                condition=Q(volume__isnull=True) | Q(volume__lte=limits.MAX_VOLUME),
                name="agent_volume_is_100_or_less",
            ),
            models.CheckConstraint(
                condition=(Q(max_duration_s__isnull=True) | Q(max_duration_s__gte=1))
                & (Q(silence_timeout_s__isnull=True) | Q(silence_timeout_s__gte=1))
                & Q(ready_timeout_s__gte=1),
                name="agent_limits_are_1_or_more",
            ),
            models.CheckConstraint(
                condition=Q(fallback_connection__isnull=True)
                | Q(fallback_trunk__isnull=True, fallback_number=""),
                name="agent_falls_back_to_one_place",
                violation_error_message="A fallback is a connection or a number: choose one.",
            ),
            models.CheckConstraint(
                condition=Q(fallback_trunk__isnull=True) | ~Q(fallback_number=""),
                name="agent_falls_back_to_a_number_of_a_trunk",
                violation_error_message="A fallback trunk needs the number to dial.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, **options: Any) -> None:
        """Save; whatever is written, the time of it is."""
        fields = options.get("update_fields")
        if fields:
            options["update_fields"] = {*fields, "updated_at"}
        super().save(**options)

    @property
    def label(self) -> str:
        """`agent:support`, as files and records call it."""
        return f"agent:{self.name}"

    @property
    def account(self) -> str:
        """What dialects of carriers are told as the account: `AC` and 32 hexadecimal digits."""
        return f"AC{self.uid.hex}"

    @property
    def fallback(self) -> str:
        """`connection:alice`, `number:+12025550100`, `trunk:carrier +12025550100` or nothing."""
        if self.fallback_connection is not None:
            return f"connection:{self.fallback_connection.sip_user}"
        if self.fallback_trunk is not None:
            return f"trunk:{self.fallback_trunk.name} {self.fallback_number}"
        return f"number:{self.fallback_number}" if self.fallback_number else ""

    def clean(self) -> None:
        """Bring JSON into its shape, and hold the settings against the dialect."""
        for name, empty in JSON_SHAPES.items():
            if getattr(self, name) in (None, ""):
                setattr(self, name, empty())
        self.tools = shapes.with_type(self.tools)
        check_fitness(self)
