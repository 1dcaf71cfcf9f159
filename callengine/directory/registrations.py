"""Who is registered, in an engine's memory: it decides there and writes behind.

Bindings are decided on the event loop, one REGISTER after the other, and stored in batches by
`connections.services.store_registrations`. What other engines write, and people delete, is heard of
by the triggers of `triggers`; rows that were changed so replace what is here.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from callengine.directory.records import ConnectionRow, Kept
from callengine.edge.flow import Flow
from callengine.edge.interface import Binding, Refusal
from callengine.record.cleaning import clean_json, clean_text, is_storable
from connections.models import MAX_CONTACT_LENGTH, MAX_INSTANCE_LENGTH, Registration
from connections.services import Unwritten

MAX_CALL_ID_LENGTH = 255


@dataclass(slots=True)
class _Pending:
    """What is not stored yet of one connection's bindings, by Contact and instance."""

    written: dict[tuple[str, str], Kept] = field(default_factory=dict)
    removed: dict[tuple[str, str], float] = field(default_factory=dict)
    "With the Unix time at which it was."


class Registrations:
    """The bindings of every connection, by its key."""

    def __init__(self, *, node: str = "", now: Callable[[], float] = time.time) -> None:
        self._node = node
        self._now = now
        self._kept: dict[int, tuple[Kept, ...]] = {}
        self._at_flow: dict[str, dict[int, None]] = {}
        self._at_host: dict[str, dict[int, None]] = {}
        self._pending: dict[int, _Pending] = {}
        self._stored_elsewhere: set[int] = set()
        "Connections whose rows have been changed by others and not read yet."

    # What is asked

    def kept(self, connection: int) -> Sequence[Kept]:
        """Return a connection's unexpired bindings, the latest refreshed first."""
        now = self._now()
        return [one for one in self._kept.get(connection, ()) if one.binding.expires_at > now]

    def has_registered(self, *, flow: str = "", host: str = "") -> bool:
        """Return whether a phone is registered from just this flow, by no proxy, or this host."""
        if flow:
            bindings = (one for key in self._at_flow.get(flow, ()) for one in self.kept(key))
            return any(one.binding.flow == flow and one.binding.is_direct for one in bindings)
        bindings = (one for key in self._at_host.get(host, ()) for one in self.kept(key))
        return any(_host(one.binding.flow) == host for one in bindings)

    def __iter__(self) -> Iterator[tuple[int, Kept]]:
        """Yield every unexpired binding with its connection's key."""
        for key in list(self._kept):
            for one in self.kept(key):
                yield key, one

    def count(self) -> int:
        """Return how many connections have an unexpired binding."""
        return sum(1 for key in self._kept if self.kept(key))

    # What is decided

    def change(
        self, connection: int, decide: Callable[[Sequence[Binding]], list[Binding] | Refusal]
    ) -> list[Binding] | Refusal:
        """Have `decide` say what a connection's bindings become; return what it said.

        Anything but a list leaves all as it was. A binding that is the same as before keeps the
        time it was last refreshed, and one that is refreshed before it expires the time it was
        made. Raises ValueError for a Contact or Call-ID that cannot be kept (longer than the
        column, or not text): a binding cut short would ring nobody.
        """
        before = self.kept(connection)
        after = decide([one.binding for one in before])
        if isinstance(after, list):
            self._become(connection, before, [_storable(one) for one in after])
        return after

    def _become(self, key: int, before: Sequence[Kept], after: Sequence[Binding]) -> None:
        now = self._now()
        held = {_name(one.binding): one for one in before}
        instances = {one.binding.instance: one for one in before if one.binding.instance}
        kept, pending = [], self._pending.setdefault(key, _Pending())
        for binding in after:
            old = held.pop(_name(binding), None)
            if old is not None and old.binding == binding:
                kept.append(old)
                continue
            made = old or instances.get(binding.instance)
            one = Kept(binding, now, made.since if made is not None else now)
            kept.append(one)
            pending.written[_name(binding)] = one
            pending.removed.pop(_name(binding), None)
        for gone in held:
            pending.written.pop(gone, None)
            pending.removed[gone] = now
        if not (pending.written or pending.removed):
            del self._pending[key]
        self._put(key, kept)

    def _put(self, key: int, kept: Iterable[Kept]) -> None:
        self._forget_places(key)
        ordered = tuple(sorted(kept, key=lambda one: -one.registered_at))
        if not ordered:
            self._kept.pop(key, None)
            return
        self._kept[key] = ordered
        for one in ordered:
            self._at_flow.setdefault(one.binding.flow, {})[key] = None
            self._at_host.setdefault(_host(one.binding.flow), {})[key] = None

    def _forget_places(self, key: int) -> None:
        for one in self._kept.get(key, ()):
            places = ((self._at_flow, one.binding.flow), (self._at_host, _host(one.binding.flow)))
            for index, place in places:
                if (keys := index.get(place)) is not None:
                    keys.pop(key, None)
                    if not keys:
                        del index[place]

    def sweep(self) -> None:
        """Let go of what has expired; the rows stay until the record is pruned."""
        now = self._now()
        for key, kept in list(self._kept.items()):
            if any(one.binding.expires_at <= now for one in kept):
                self._put(key, [one for one in kept if one.binding.expires_at > now])

    # What is stored, and heard of others

    @property
    def has_unwritten(self) -> bool:
        """Whether anything is to be stored."""
        return bool(self._pending)

    def take_unwritten(self) -> dict[int, Unwritten]:
        """Return what is to be stored, by the connection's key, and count it as stored."""
        pending, self._pending = self._pending, {}
        return {
            key: Unwritten(
                tuple(_row(key, one, self._node) for one in one_pending.written.values()),
                {name: datetime.fromtimestamp(at, UTC) for name, at in one_pending.removed.items()},
            )
            for key, one_pending in pending.items()
        }

    def put_back(self, unwritten: Mapping[int, Unwritten]) -> None:
        """Have it stored next time: it could not be now. What was decided since goes before."""
        for key, one in unwritten.items():
            newer = self._pending.get(key, _Pending())
            names = newer.written.keys() | newer.removed.keys()
            held = {_name(kept.binding): kept for kept in self._kept.get(key, ())}
            for row in one.written:
                name = (row.contact, row.instance)
                if name not in names and name in held:
                    newer.written[name] = held[name]
            for name, at in one.removed.items():
                if name not in names:
                    newer.removed[name] = at.timestamp()
            self._pending[key] = newer

    def heard(self, connection: int, node: str) -> None:
        """Note that a connection's rows were changed; by whom decides whether they are read."""
        if not node or node != self._node:
            self._stored_elsewhere.add(connection)

    def to_be_read(self) -> set[int]:
        """Return the connections whose rows are to be read: not what is to be stored first."""
        ready = self._stored_elsewhere - self._pending.keys()
        self._stored_elsewhere -= ready
        return ready

    def take(self, keys: Collection[int] | None, stored: Iterable[tuple[int, Kept]]) -> None:
        """Take the rows of these connections, or of all, as they are stored."""
        by_key: dict[int, list[Kept]] = {}
        for key, one in stored:
            by_key.setdefault(key, []).append(one)
        for key in list(self._kept) if keys is None else keys:
            if key not in by_key and key not in self._pending:
                self._put(key, ())
        for key, kept in by_key.items():
            if key in self._pending:
                self._stored_elsewhere.add(key)
            else:
                self._put(key, kept)

    def know(self, connections: Mapping[int, ConnectionRow], keys: Collection[int] | None) -> None:
        """Let go of the bindings of connections that are gone."""
        for key in list(self._kept) if keys is None else keys:
            if key not in connections:
                self._put(key, ())
                self._pending.pop(key, None)


def _name(binding: Binding) -> tuple[str, str]:
    return binding.contact, binding.instance


def _host(flow: str) -> str:
    try:
        return Flow.parse(flow).host
    except ValueError:
        return ""


def _storable(binding: Binding) -> Binding:
    for value, limit in (
        (binding.contact, MAX_CONTACT_LENGTH),
        (binding.call_id, MAX_CALL_ID_LENGTH),
    ):
        if not is_storable(value) or len(value) > limit:
            raise ValueError(f"a binding holds a value that cannot be kept: {value[:80]!r}")
    return replace(
        binding,
        flow=clean_text(binding.flow, 100),
        user_agent=clean_text(binding.user_agent, 255),
        instance=clean_text(binding.instance, MAX_INSTANCE_LENGTH),
        reached_at=clean_text(binding.reached_at, 100),
        path=tuple(clean_json(list(binding.path))),
    )


def _row(key: int, one: Kept, node: str) -> Registration:
    binding = one.binding
    return Registration(
        connection_id=key,
        contact=binding.contact,
        call_id=binding.call_id,
        cseq=binding.cseq,
        expires_at=datetime.fromtimestamp(binding.expires_at, UTC),
        flow=binding.flow,
        user_agent=binding.user_agent,
        q=binding.q,
        instance=binding.instance,
        reached_at=binding.reached_at,
        path=list(binding.path),
        is_direct=binding.is_direct,
        registered_at=datetime.fromtimestamp(one.registered_at, UTC),
        since=datetime.fromtimestamp(one.since, UTC),
        node=node,
    )
