"""Access lists, lists of networks and header rules, as fields of models and of forms."""

from typing import Any

from sip.listfields import LinesFormField, ListField
from trunks.validators import parse_access_list, parse_header_rules, parse_networks


class EntryLinesFormField(LinesFormField):
    """A text whose lines hold entries; `parse` is given all of it and names every wrong line."""

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        return self.parse(value or "")


class AccessListField(ListField):
    """A list of IP addresses, networks and host names, stored as JSON, normalised."""

    parse = staticmethod(parse_access_list)


class NetworkListField(ListField):
    """A list of IP addresses and networks, stored as JSON in CIDR form."""

    parse = staticmethod(parse_networks)


class HeaderRulesField(ListField):
    """What becomes of headers, stored as JSON, one text each."""

    parse = staticmethod(parse_header_rules)
    form_class = LinesFormField
