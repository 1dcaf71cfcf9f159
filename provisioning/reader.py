"""Read YAML into values that know their line and key."""

from dataclasses import dataclass
from typing import Any

import yaml

MAX_FILE_BYTES = 20_000_000
MAX_DEPTH = 20
MAX_ENTRIES = 1_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a file and where it stands, so that a problem can name the line."""

    line: int
    "Counted from 1."
    key: str
    "The way to it: `connections[0].inbound.codecs`."
    value: Any
    "A scalar, a list of entries, or a dict from text to entries."


class YamlError(Exception):
    """Text that is not the YAML we read; `entry` says where."""

    def __init__(self, entry: Entry, what: str) -> None:
        self.entry = entry
        self.what = what
        super().__init__(what)


def read(text: str) -> Entry | None:
    """Return the document, or None if it is empty. Raises YamlError."""
    loader = yaml.SafeLoader("")
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        return None if node is None else _Converter(loader).entry(node, "", 0)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        raise YamlError(Entry(mark.line + 1 if mark else 1, "", []), f"not YAML: {what}") from None
    except (RecursionError, ValueError) as error:
        raise YamlError(Entry(1, "", []), f"not YAML that can be read: {error}") from None
    finally:
        loader.dispose()


class _Converter:
    """Turn nodes into entries; refuses duplicate keys and endless or exploding aliases."""

    def __init__(self, loader: yaml.SafeLoader) -> None:
        self._loader = loader
        self._count = 0

    def entry(self, node: yaml.Node, key: str, depth: int) -> Entry:
        line = node.start_mark.line + 1
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_ENTRIES:
            raise YamlError(Entry(line, key, []), "nested too deep or too large")
        value: Any
        if isinstance(node, yaml.MappingNode):
            value = self._mapping(node, key, depth)
        elif isinstance(node, yaml.SequenceNode):
            value = [
                self.entry(item, f"{key}[{index}]", depth + 1)
                for index, item in enumerate(node.value)
            ]
        else:
            value = self._loader.construct_object(node)
        return Entry(line, key, value)

    def _mapping(self, node: yaml.MappingNode, key: str, depth: int) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for name_node, value_node in node.value:
            line = name_node.start_mark.line + 1
            name = str(name_node.value) if isinstance(name_node, yaml.ScalarNode) else "?"
            path = f"{key}.{name}" if key else name
            if name in entries:
                first = entries[name].line
                raise YamlError(
                    Entry(line, path, []), f"duplicate key; it stands on line {first} already"
                )
            child = self.entry(value_node, path, depth + 1)
            # An error is about the line its key stands on, also when the value is a block.
            entries[name] = Entry(line, path, child.value)
        return entries
