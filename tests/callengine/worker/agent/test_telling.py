"""An agent's words are handed on no faster than anybody reads, and without its key."""

from agents.dialects.interface import AgentNote, Line, Tool, TransferTo
from callengine.worker.agent.telling import BURST, RATE, Telling, Word


def line(key: str, text: str) -> Line:
    return Line(key, "agent", text, is_final=False)


def test_a_few_words_are_handed_on_at_once() -> None:
    told: list[Word] = []
    telling = Telling(told.append)
    words = [line("1", "a"), AgentNote("x", "y"), Tool("t", "done"), line("1", "ab")]
    for word in words:
        telling.say(word, 1.0)
    telling.finish()
    assert told == words


def test_of_a_flood_the_newest_of_each_line_arrives() -> None:
    told: list[Word] = []
    telling = Telling(told.append)
    for number in range(10_000):
        telling.say(line(str(number % 3), f"text {number}"), 1.0 + number / 10_000)
    assert len(told) <= BURST + RATE + 1
    telling.tick(3.0)
    newest = {word.key: word.text for word in told if isinstance(word, Line)}
    assert newest == {"0": "text 9999", "1": "text 9997", "2": "text 9998"}


def test_what_was_left_out_is_counted() -> None:
    told: list[Word] = []
    telling = Telling(told.append)
    for number in range(1000):
        telling.say(AgentNote("x", str(number)), 1.0)
    telling.finish()
    last = told[-1]
    assert isinstance(last, AgentNote)
    assert last.text.startswith(f"{1000 - int(BURST)} more of the agent's words were left out")


def test_a_transfer_is_asked_for_however_much_is_said_before() -> None:
    """The caller would wait for it, and the agent for its result."""
    told: list[Word] = []
    telling = Telling(told.append)
    for number in range(1000):
        telling.say(AgentNote("x", str(number)), 1.0)
    telling.say(TransferTo("bob", "7"), 1.0)
    assert told[-1] == TransferTo("bob", "7")


def test_the_key_is_in_nothing_that_is_told() -> None:
    told: list[Word] = []
    telling = Telling(told.append, "sk-very-secret")
    telling.say(AgentNote("x", "bad key sk-very-secret."), 1.0)
    telling.say(Tool("t", "sk-very-secret"), 1.0)
    telling.say(line("1", "sk-very-secret"), 1.0)
    assert "very-secret" not in repr(told)
    assert telling.hidden("no sk-very-secret here") == "no *** here"
    assert "very-secret" not in repr(telling)


def test_a_short_key_is_hidden_as_a_word_and_riddles_no_other() -> None:
    assert Telling(print, "k-7").hidden("not k-7, nor monk-77") == "not ***, nor monk-77"
