"""What a number becomes on its way to or from a trunk: a table of rules, the first that fits. Pure.

A rule is written `PATTERN -> RESULT`. What stands before a `|` in the pattern is cut off; `$` in
the result is what is left. `e164` makes it a number with + and its country's code, `national` the
digits that are dialled in the country: `0|. -> +44$`, `9|. -> $`, `X. -> e164:GB`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from numbering.countries import country_problem, e164, national
from numbering.patterns import PATTERN_FORM, Pattern, PatternError

MAX_RULES = 200
MAX_RULE = 160
RULE_FORM = "PATTERN -> RESULT, such as 0|. -> +44$ or X. -> e164:GB"
RESULT_FORM = "the characters of a number with $ for what is left, e164, national, or e164:GB"
_RESULT = re.compile(r"[A-Za-z0-9._+*#\-]{0,32}\$?[A-Za-z0-9._+*#\-]{0,32}\Z")
_FORMAT = re.compile(r"(e164|national)(?::([A-Za-z]{2}))?\Z")
MAX_NUMBER = 64


class RuleError(ValueError):
    """A rule that cannot be read; its text names it and what is allowed."""


@dataclass(frozen=True, slots=True)
class RewriteRule:
    """One line of a table."""

    text: str
    "As it is written, with single blanks."
    pattern: Pattern
    cut: int
    "How many characters are cut off the front."
    result: str
    format: str = ""
    "`e164` or `national`; empty: `result` says what it becomes."
    country: str = ""
    "Of the format; empty: the platform's home country."

    def apply(self, number: str, home: str) -> str:
        """Return what a number that fits becomes; empty if it cannot be read so."""
        left = number[self.cut :]
        if self.format:
            change = e164 if self.format == "e164" else national
            return change(left, self.country or home)
        return self.result.replace("$", left)[:MAX_NUMBER]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What a number became."""

    number: str
    rule: str = ""
    "The rule that fitted; empty: none did, and the number is as it was."
    problem: str = ""
    "Why the rule that fitted could not be applied."


def read_rule(text: str) -> RewriteRule:
    """Return a rule as people write it. Raises RuleError."""
    left, arrow, right = (part.strip() for part in text[:MAX_RULE].partition("->"))
    if not arrow or len(text) > MAX_RULE:
        raise RuleError(f"{text[:MAX_RULE]!r} is no rule; allowed: {RULE_FORM}")
    before, bar, after = left.partition("|")
    try:
        pattern = Pattern.read(before + after)
        if bar and not after:
            raise PatternError(f"nothing stands after | in {left!r}; allowed: {PATTERN_FORM}")
        if bar and (set(before) & set(".!")):
            raise PatternError(f"{left!r}: . and ! stand at the end; allowed: {PATTERN_FORM}")
    except PatternError as error:
        raise RuleError(str(error)) from error
    cut = len(before) if bar else 0
    tidy = f"{left} -> {right}"
    if (form := _FORMAT.match(right)) is not None:
        country = (form[2] or "").upper()
        if country and (problem := country_problem(country)):
            raise RuleError(problem)
        return RewriteRule(tidy, pattern, cut, "", form[1], country)
    if not right or not _RESULT.match(right):
        raise RuleError(f"{right!r} is no result; allowed: {RESULT_FORM}")
    return RewriteRule(tidy, pattern, cut, right)


def rewrite(number: str, rules: Sequence[RewriteRule], home: str) -> Rewritten:
    """Return what a number becomes by the first rule that fits it."""
    if not number or len(number) > MAX_NUMBER:
        return Rewritten(number)
    for rule in rules:
        if rule.pattern.matches(number):
            if became := rule.apply(number, home):
                return Rewritten(became, rule.text)
            return Rewritten(number, rule.text, f"{number} cannot be read so: {rule.text}")
    return Rewritten(number)
