"""What voice agents did in calls, and what was said."""

from django.db import models

from callengine.models.calls import Call


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
