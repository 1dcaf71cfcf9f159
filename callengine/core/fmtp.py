"""Format parameters (a=fmtp) as peers write them, and what of them decides about a format. Pure."""

from collections.abc import Mapping


def parse_fmtp(value: str) -> dict[str, str]:
    """Return the parameters of an fmtp value (without payload type), names in lower case."""
    pairs = (item.partition("=") for item in value.split(";"))
    return {name.strip().lower(): text.strip() for name, _, text in pairs if name.strip()}


def number_in(parameters: Mapping[str, str], name: str, default: int) -> int:
    """Return a parameter that is a number; what is none counts as absent."""
    text = parameters.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else default


def is_amr_spoken(parameters: Mapping[str, str]) -> bool:
    """Tell whether AMR or AMR-WB with these parameters is one that is spoken here.

    What asks for CRC, robust sorting, interleaving or two channels (RFC 4867 section 8.1) is not:
    call processes would refuse a payload type of it, whatever the plan had made of the call.
    """
    demands = ("crc", "robust-sorting", "interleaving")
    asked_for = any(number_in(parameters, name, 0) for name in demands)
    return not asked_for and number_in(parameters, "channels", 1) == 1
