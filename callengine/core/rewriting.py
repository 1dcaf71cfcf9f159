"""What a trunk's rules make of numbers, calls and headers. Pure."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from callengine.core.numberrules import NumberRules
from numbering.filters import read_filter, refused_by
from numbering.rewriting import Rewritten, read_rule, rewrite
from sip.headerrules import passed_on, put_on_record, read_header_rule

_rule = lru_cache(maxsize=4096)(read_rule)
_filter = lru_cache(maxsize=4096)(read_filter)
_header = lru_cache(maxsize=1024)(read_header_rule)
Pairs = tuple[tuple[str, str], ...]


def rewritten(number: str, rules: Sequence[str], home: str) -> Rewritten:
    """Return what a number becomes by rules as they are stored."""
    return rewrite(number, [_rule(text) for text in rules], home)


def refusal(rules: NumberRules, *, caller: str, called: str) -> str:
    """Return what refuses a call of these numbers, in words; empty if nothing does."""
    return refused_by([_filter(text) for text in rules.filters], caller=caller, called=called)


def headers_of(rules: NumberRules, heard: Mapping[str, str]) -> tuple[Pairs, Pairs]:
    """Return which of a call's headers are passed on, and which are put on record."""
    lines = [_header(text) for text in rules.headers]
    return passed_on(lines, heard), put_on_record(lines, heard)
