"""The record: calls, their legs, what happened when, and what was rejected.

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


class AgentSession(models.Model):
    """What a voice agent's leg of a call was, beside what any leg is."""

    call = models.ForeignKey(
        Call, on_delete=models.CASCADE, related_name="agent_sessions", db_index=False
    )
    leg = models.CharField(max_length=4)
    name = models.CharField(max_length=100)
    "The agent's, as it was then."
    dialect = models.CharField(max_length=20)
    session_id = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=20)
    moments = models.JSONField(default=dict)
    "When what came to pass, ISO 8601 in UTC: asked, connected, ready, first_agent_audio ..."
    queue_ms = models.FloatField(default=0)
    barge_ins = models.PositiveIntegerField(default=0)
    close_code = models.PositiveIntegerField(null=True, blank=True)
    close_reason = models.CharField(max_length=500, blank=True)
    input = models.CharField(max_length=20)
    output = models.CharField(max_length=20)
    how_in = models.CharField(max_length=200, blank=True)
    how_out = models.CharField(max_length=200, blank=True)
    keeps_transcript = models.BooleanField(default=True)

    class Meta:
        ordering = ["call", "leg"]
        constraints = [
            models.UniqueConstraint(fields=["call", "leg"], name="one_agent_session_per_leg")
        ]

    def __str__(self) -> str:
        return f"{self.name} on leg {self.leg} of {self.call}"


class AgentSessionLine(models.Model):
    """One line of what caller and voice agent said in a call, or a tool that was called."""

    call = models.ForeignKey(
        Call, on_delete=models.CASCADE, related_name="agent_lines", db_index=False
    )
    number = models.PositiveSmallIntegerField()
    "Its place, from 1."
    at = models.DateTimeField()
    leg = models.CharField(max_length=4)
    who = models.CharField(max_length=10)
    "`caller`, `agent`, `tool` or `left-out`."
    text = models.TextField(blank=True)
    is_interrupted = models.BooleanField(default=False)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                fields=["call", "number"], name="one_agent_line_in_a_place_per_call"
            )
        ]

    def __str__(self) -> str:
        return f"{self.who}: {self.text}"


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


class Direction(models.TextChoices):
    """Which way a SIP message went, seen from us."""

    IN = "in", "To us"
    OUT = "out", "From us"
    NOTE = "note", "Not a message, but a note of ours in its place"


class SipMessage(models.Model):
    """One SIP message between a peer and us, as the ladder draws it: masked and cut to a size."""

    call = models.ForeignKey(
        Call, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    number = models.PositiveSmallIntegerField()
    "Its place in the ladder, from 1."
    leg = models.CharField(max_length=4, blank=True)
    at = models.DateTimeField()
    direction = models.CharField(max_length=4, choices=Direction)
    peer = models.CharField("peer address", max_length=100, blank=True)
    "`transport:host:port`."
    summary = models.CharField(max_length=255)
    "The request line without the version, or code and phrase."
    cseq = models.CharField("CSeq", max_length=60, blank=True)
    retransmission = models.BooleanField(default=False)
    codecs = models.JSONField(default=list)
    "Names of the codecs in its SDP, in order."
    text = models.TextField(blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                fields=["call", "number"], name="one_message_in_a_place_per_call"
            )
        ]

    def __str__(self) -> str:
        return self.summary


class PacketCapture(models.Model):
    """Packets of one call, recorded into a file in the data folder of the engine that has it.

    Made by whoever asks for it, with a call or with a party whose next call is meant; the engine
    writes the rest, and the call once there is one.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    call = models.ForeignKey(Call, on_delete=models.CASCADE, null=True, related_name="captures")
    party = models.CharField(max_length=MAX_PARTY_LENGTH, blank=True, db_index=True)
    "`connection:alice`, whose next call is meant; empty if a call was named."
    asked = models.DateTimeField()
    until = models.DateTimeField(null=True)
    "How long a party's next call is waited for."
    by = models.CharField(max_length=150)
    whole = models.BooleanField("with payload", default=False)
    max_s = models.PositiveIntegerField("at most so many seconds")
    max_bytes = models.PositiveBigIntegerField("at most so many bytes")
    node = models.CharField(max_length=100, blank=True)
    "The engine in whose data folder the file lies."
    began = models.DateTimeField(null=True)
    ended = models.DateTimeField(null=True)
    why = models.CharField(max_length=20, blank=True)
    "Why it ended: see `record.captures.WHY`."
    bytes = models.PositiveBigIntegerField(default=0)
    packets = models.PositiveBigIntegerField(default=0)
    lost = models.PositiveBigIntegerField(default=0)
    "Packets that were not recorded, for want of room in memory."

    class Meta:
        ordering = ["-asked", "id"]

    def __str__(self) -> str:
        return f"packets of {self.call or self.party}"


class CallShare(models.Model):
    """A link under which whoever has it may read one call's record, without an account."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="shares")
    digest = models.CharField(max_length=64, unique=True)
    "SHA-256 of the token in the link; the token is kept nowhere."
    by = models.CharField(max_length=150)
    made = models.DateTimeField()
    until = models.DateTimeField()
    masks_numbers = models.BooleanField(default=True)
    revoked = models.DateTimeField(null=True)
    looks = models.PositiveIntegerField(default=0)
    "How often it was looked at."
    last_look = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-made", "id"]

    def __str__(self) -> str:
        return f"a link to {self.call}"


class Rejection(models.Model):
    """A request that never became a call (or a registration)."""

    at = models.DateTimeField(db_index=True)
    source_address = models.CharField(max_length=100)
    user = models.CharField(max_length=255, blank=True)
    to = models.CharField(max_length=255, blank=True)
    method = models.CharField(max_length=40)
    call_id = models.CharField("SIP Call-ID", max_length=255, blank=True)
    code = models.PositiveSmallIntegerField()
    rule = models.CharField(max_length=60)
    advice = models.TextField()

    class Meta:
        ordering = ["at", "id"]
        indexes = [
            models.Index(fields=["rule", "at"], name="rejection_by_rule"),
            # The newest of one connection.
            models.Index(fields=["user", "at", "id"], name="rejection_by_user"),
            models.Index(fields=["call_id"], name="rejection_by_call_id"),
            # Groups by source are counted from this index alone.
            models.Index(
                fields=["source_address", "at", "rule", "user", "id"],
                name="rejection_by_source",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.rule}: {self.user} from {self.source_address}"


class Ban(models.Model):
    """A source, or one user there, that is kept out for a while: it guessed passwords.

    The engine makes it, a person may lift it by deleting it. One that is over is kept for a day:
    the next one is longer.
    """

    source = models.CharField(max_length=100)
    "An IP address, or the /64 network of an IPv6 address."
    user = models.CharField(max_length=MAX_PARTY_LENGTH, blank=True)
    "Empty: whoever comes from there."
    rule = models.CharField(max_length=60)
    since = models.DateTimeField()
    until = models.DateTimeField(db_index=True)
    failures = models.PositiveIntegerField("wrong passwords")
    times = models.PositiveSmallIntegerField(default=1)
    "How often it was banned of late."
    node = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering = ["-since", "id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "user"], name="one_ban_per_source_and_user")
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.user}".strip()


class EngineNode(models.Model):
    """One running engine process and what it can do; refreshed every few seconds."""

    name = models.CharField(max_length=100, unique=True)
    identity = models.CharField(max_length=32, blank=True, default="")
    "The id in its data folder."
    started = models.DateTimeField()
    seen = models.DateTimeField()
    listening = models.JSONField(default=list)
    codecs = models.JSONField(default=list)
    unavailable_codecs = models.JSONField(default=dict)
    "Codec name -> why this engine cannot do it now."
    unconfined = models.JSONField(default=list)
    shortages = models.JSONField(default=list)
    "What its machine does not give it, and what that bounds: a sentence each."
    "What its call processes are not kept from here, one sentence each."
    calls = models.PositiveIntegerField(default=0)
    max_calls = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
