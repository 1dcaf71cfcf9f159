"""A conversation under way: what is played, told, noted and changed."""

import pytest

from agents.dialects import interface as say
from agents.dialects.interface import AgentNote, Line, Send
from callengine.core.reasons import Reason
from callengine.worker.agent.effects import Left
from tests.callengine.worker.agent.talk import Talk, left, ready


def test_what_was_played_is_told_and_marks_come_back_when_played_or_thrown_away() -> None:
    talk = ready()
    talk.hears("speak", "mark", "done")
    assert talk.plays(11) == 10
    assert talk.sent() == ["mark m1 played"]
    talk.hears("speak long", "mark")
    talk.plays(25)
    talk.hears("flush")
    assert talk.sent() == ["heard {'r1': 700.0}", "mark m1 thrown away"]
    assert talk.it.record.barge_ins == 1
    assert talk.plays(5) == 0


def test_a_flush_of_nothing_is_no_barge_in() -> None:
    talk = ready()
    talk.hears("flush")
    assert talk.it.record.barge_ins == 0


def test_audio_before_the_caller_hears_any_is_kept() -> None:
    talk = ready()
    talk.hears("speak", "done")
    talk.waits(3.0)
    assert talk.plays(12) == 10


def test_one_who_is_answered_at_once_hears_ringing_until_the_agent_is_ready() -> None:
    talk = Talk(answers_at_once=True)
    assert talk.plays(260) == 260
    tone = talk.it.frame(talk.now, 160)
    assert tone not in (None, b"\xff" * 160)
    talk.opens()
    talk.hears("ready")
    assert talk.plays(3) == 0


def test_odd_messages_are_noted_once_and_counted() -> None:
    talk = ready()
    talk.hears(*["odd"] * 7)
    assert talk.takes() == [AgentNote("agent-odd", "Ignored of what the agent sent: broken JSON.")]
    talk.it.end(talk.now)
    talk.closes(1000)
    notes = [effect.text for effect in talk.takes() if isinstance(effect, AgentNote)]
    assert notes == ["Ignored of what the agent sent: 7 x broken JSON."]


@pytest.mark.parametrize(("keeps", "count"), [(True, 1), (False, 0)])
def test_lines_are_kept_only_if_that_is_set(keeps: bool, count: int) -> None:
    talk = ready(keeps_transcript=keeps)
    talk.hears("line")
    assert len(talk.says(Line)) == count


def test_an_agent_that_asks_for_a_transfer_and_hangs_up_waits_for_the_decision() -> None:
    talk = ready()
    talk.hears("transfer")
    talk.dialects[-1].at_close = [say.HangUp("closed")]
    talk.closes(1000)
    talk.waits(5.0)
    assert left(talk) is None
    talk.it.transfer_failed("t1", 486, "busy", talk.now)
    talk.waits(1.0)
    assert left(talk) == Left(Reason.AGENT_ENDED, "closed")


def test_a_failed_transfer_is_told_with_its_code() -> None:
    talk = ready()
    talk.hears("transfer")
    talk.takes()
    talk.it.transfer_failed("t1", 486, "busy", talk.now)
    talk._drain()
    assert talk.sent() == ["transfer t1 486 busy"]


def test_settings_are_changed_or_refused_with_the_reason() -> None:
    talk = ready()
    talk.it.change('{"system_prompt": "Be brief."}', "olga", talk.now)
    talk.it.change('{"voice": "ivy"}', "olga", talk.now)
    talk._drain()
    sent, changed, refused = talk.takes()
    assert sent == Send("change {'system_prompt': 'Be brief.'}")
    assert changed == AgentNote("agent-changed", "olga changed system_prompt.")
    assert refused == AgentNote("agent-not-changed", "olga could not change voice: voice is fixed")
    talk.closes()
    talk.waits(1.0)
    talk.opens()
    assert talk.dialects[-1].session.system_prompt == "Be brief."


def test_an_agent_that_is_late_after_a_stall_is_caught_up_with_and_told_of() -> None:
    """It sends as it speaks, and never says that a reply is over."""
    talk = ready()
    for number in range(350):
        talk.hears("silence")
        if number == 150:
            talk.it.playout.stalled(1000)
        if not 100 <= number < 150:
            talk.plays(1)
    assert talk.it.playout.queued_ms <= 80
    talk.it.end(talk.now)
    talk.closes()
    first, last = (note.text for note in talk.says(AgentNote) if note.kind == "agent-late")
    assert "heard 1000 ms later than before a stall" in first
    assert last == "After stalls, 1000 ms of silence in its audio were left out."
