"""The address of a case of the codec lab: its values as the lab's form names them."""

from urllib.parse import urlencode

from callengine.core.lab import LabCase


def values(case: LabCase) -> dict[str, str]:
    """Return a case as the form's fields, without those that are empty."""
    lists = {
        "source_codecs": case.source_codecs,
        "destination_codecs": case.destination_codecs,
        "destination_in_codecs": case.destination_in_codecs,
        "a": case.caller,
        "b": case.callee,
    }
    fields = {
        "source": case.source,
        "source_name": case.source_name,
        "destination": case.destination,
        "destination_name": case.destination_name,
        "force": "on" if case.force else "",
        **{name: ",".join(codecs) for name, codecs in lists.items()},
    }
    return {name: value for name, value in fields.items() if value}


def query(case: LabCase) -> str:
    """Return the query string of a case's address."""
    return urlencode(values(case), safe=",")
