"""Calls, their legs, and what happened when.

What belongs to a call is found by the unique index that begins with it; another of the call alone
would only be written to.
"""

import uuid

from django.db import models

from callengine.core.states import CallState

MAX_PARTY_LENGTH = 128
"""Characters of who calls and who is called: what the edge lets in, and what an index entry of
PostgreSQL (2704 bytes) holds of four such columns in four-byte characters."""


class Call(models.Model):
    """One call, from INVITE to termination. Written by the engine alone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    node = models.CharField(max_length=100, blank=True)
    node_identity = models.CharField(max_length=32, blank=True, default="")
    "The id in the data folder of the engine that has it, so that its name may change."
    started = models.DateTimeField()
    answered = models.DateTimeField(null=True, blank=True)
    ended = models.DateTimeField(null=True, blank=True, db_index=True)
    from_user = models.CharField(max_length=MAX_PARTY_LENGTH, blank=True)
    from_name = models.CharField(max_length=255, blank=True)
    to_user = models.CharField(max_length=MAX_PARTY_LENGTH, blank=True)
    source = models.CharField(max_length=MAX_PARTY_LENGTH)
    destination = models.CharField(max_length=MAX_PARTY_LENGTH, blank=True)
    taken_by = models.CharField(max_length=MAX_PARTY_LENGTH, blank=True, default="")
    "Who talked to the caller, such as an agent's fallback, if that is not the destination."
    state = models.CharField(
        max_length=20,
        choices=[(state.value, state.label) for state in CallState],
        default=CallState.TRYING.value,
    )
    transcoded = models.BooleanField(default=False)
    plan = models.JSONField(default=dict)
    ended_by = models.CharField(max_length=20, blank=True)
    reason = models.CharField(max_length=60, blank=True)
    code = models.PositiveSmallIntegerField(null=True, blank=True)
    advice = models.TextField(blank=True)
    codec_a = models.CharField("codec of leg A", max_length=20, blank=True)
    codec_b = models.CharField("codec of leg B", max_length=20, blank=True)
    "Of the leg that answered."
    attempts = models.JSONField(default=list, db_default=[])
    "Addresses of gateways it was tried at: see `AttemptSnapshot` in `callengine.core.snapshot`."
    talk_s = models.PositiveIntegerField("seconds talked", null=True, blank=True)
    "From answer to end; None while the call is up and if nobody answered."
    worst_mos_a = models.FloatField("worst MOS of leg A", null=True, blank=True)
    worst_mos_b = models.FloatField("worst MOS of leg B", null=True, blank=True)
    "Of the leg that answered; like the others below written at the end of the call."
    post_dial_s = models.FloatField("post-dial delay in seconds", null=True, blank=True)
    "From the INVITE until it rang, or was answered; None if neither came to pass."
    was_silent = models.BooleanField(default=False, db_default=False)
    "Whether a party was silent so long that people were told."

    class Meta:
        ordering = ["started", "id"]
        indexes = [
            # Lists of one party, newest or oldest first.
            models.Index(fields=["from_user", "started", "id"], name="call_by_caller"),
            models.Index(fields=["to_user", "started", "id"], name="call_by_callee"),
            models.Index(fields=["source", "started", "id"], name="call_by_source"),
            models.Index(fields=["destination", "started", "id"], name="call_by_destination"),
            models.Index(fields=["taken_by", "started", "id"], name="call_by_taker"),
            # Any filter and every total, in order of time, from this index alone: rows are wide.
            models.Index(
                fields=[
                    "started",
                    "id",
                    "from_user",
                    "to_user",
                    "source",
                    "destination",
                    "codec_a",
                    "codec_b",
                    "answered",
                    "ended",
                    "code",
                    "reason",
                    "talk_s",
                    "worst_mos_a",
                    "worst_mos_b",
                    "was_silent",
                ],
                name="call_history",
            ),
            # What is looked for inside names goes through these alone.
            models.Index(fields=["from_name", "id"], name="call_by_name"),
        ]

    def __str__(self) -> str:
        return f"{self.from_user} -> {self.to_user} ({self.state})"


class Leg(models.Model):
    """One leg of a call: A is the caller's, every other one was rung by us."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="legs", db_index=False)
    name = models.CharField(max_length=4)
    label = models.CharField(max_length=255, blank=True)
    sip_call_id = models.CharField("SIP Call-ID", max_length=255, blank=True, db_index=True)
    offered = models.JSONField(default=list)
    "The peer's list: the caller's offer on A, the callee's answer on B."
    allowed = models.JSONField(default=list)
    codec = models.CharField(max_length=20, blank=True)
    payload_type = models.PositiveSmallIntegerField(null=True, blank=True)
    remote = models.CharField("remote media address", max_length=100, blank=True)
    encryption = models.CharField("SRTP", max_length=40, blank=True, default="", db_default="")
    "The suite of its SRTP; empty for audio that was not encrypted."
    user_agent = models.CharField(max_length=255, blank=True)
    state = models.CharField(max_length=20, blank=True)
    quality = models.JSONField(default=dict)
    "Last statistics: see `QualitySnapshot` in `callengine.core.snapshot`."
    history = models.JSONField(default=dict)
    "Quality over the whole call: columns t (s since start), mos, loss_percent, jitter_ms."

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["call", "name"], name="one_leg_of_a_name_per_call")
        ]

    def __str__(self) -> str:
        return f"leg {self.name} of {self.call}"


class CallEvent(models.Model):
    """One line of a call's timeline."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="events", db_index=False)
    number = models.PositiveSmallIntegerField(null=True)
    "Its place in the timeline, from 1; None in calls from before places were kept."
    at = models.DateTimeField()
    leg = models.CharField(max_length=4, blank=True)
    kind = models.CharField(max_length=40)
    text = models.TextField()

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["call", "number"], name="one_line_in_a_place_per_call")
        ]

    def __str__(self) -> str:
        return self.text


class CallHeader(models.Model):
    """A header of a caller's INVITE that its trunk has put on record."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="headers", db_index=False)
    name = models.CharField(max_length=70)
    value = models.CharField(max_length=200, db_index=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["call", "name"], name="one_header_of_a_name_per_call")
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.value}"
