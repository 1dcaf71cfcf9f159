"""Test destinations: what is dialled to hear how a call sounds, and what each of them does."""

from enum import StrEnum


class SelfTest(StrEnum):
    """A place where calls end in this engine itself; no phone is rung."""

    ECHO = "echo"
    TONE = "tone"
    CODEC = "codec"
    DELAY = "delay"

    @property
    def dialled(self) -> str:
        """What is dialled for it: `*echo`."""
        return f"*{self.value}"

    @property
    def label(self) -> str:
        """What a person calls it; no number or SIP user is spelled so."""
        return LABELS[self]


TONE_HZ = 1004
"Not a divisor of any sample rate, so that every code of a codec has its turn."
TONE_DBFS = -16.0
"Against a sine that fills 16 bits."
DELAY_S = 2.0
LABELS = {
    SelfTest.ECHO: "Echo test",
    SelfTest.TONE: "Test tone",
    SelfTest.CODEC: "Codec announcement",
    SelfTest.DELAY: "Delayed echo",
}
SENTENCES = {
    SelfTest.ECHO: "The caller hears themselves, as soon as their audio is back.",
    SelfTest.TONE: f"The caller hears {TONE_HZ} Hz at {TONE_DBFS:g} dBFS without a pause.",
    SelfTest.CODEC: "A voice says which codec the call uses, again and again.",
    SelfTest.DELAY: f"The caller hears themselves {DELAY_S:g} s later, after having spoken.",
}
SELFTEST_FORM = ", ".join(f"test:{one}" for one in SelfTest)
"In files."
DIALLED_FORM = ", ".join(one.dialled for one in SelfTest)
"On pages."
CHOICES = [(one.value, one.label) for one in SelfTest]


def dialled_selftest(user: str) -> SelfTest | None:
    """Return the test destination that is dialled as `*echo`, in any case of its letters."""
    return next((one for one in SelfTest if one.dialled == user.lower()), None)


def labelled_selftest(label: str) -> SelfTest | None:
    """Return the test destination that a person calls so."""
    return next((one for one in SelfTest if one.label == label), None)
