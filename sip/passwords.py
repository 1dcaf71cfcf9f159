"""Passwords of SIP users: made up, or checked when a person chose one."""

import secrets

from django.core.exceptions import ValidationError

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"Without l, i, 1, o and 0, which look alike; without capitals, which take a key more on a phone."
LENGTH = 16
"Of 31 characters: 79 bits, beyond reach even of who has the MD5 digest."
MIN_LENGTH = 8
MAX_LENGTH = 128


def generate_password(alphabet: str = ALPHABET) -> str:
    """Return a random password that can be read aloud and typed, by default on a phone."""
    return "".join(secrets.choice(alphabet) for _ in range(LENGTH))


def validate_password(password: str) -> None:
    """Raise ValidationError unless a phone can send this password; never says what it is."""
    problems = []
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        problems.append(f"this one has {len(password)}")
    if password != password.strip():
        problems.append("this one begins or ends with a space")
    if not password.isprintable():
        problems.append("this one holds a character that cannot be typed")
    if problems:
        raise ValidationError(
            f"A password is {MIN_LENGTH} to {MAX_LENGTH} characters, without spaces around it; "
            f"{', '.join(problems)}.",
            code="password",
        )
