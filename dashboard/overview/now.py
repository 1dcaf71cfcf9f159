"""What somebody should look at now: a few sentences, each with the one thing to do about it.

Nothing is said that is not known: a phone is missed only if it has made calls lately. What is
said is so for a while: nothing comes and goes because something swings about a limit.
"""

import contextlib
import datetime as dt
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Count
from django.urls import reverse
from django.utils import timezone

from callengine.core.parties import CALLER, who
from callengine.core.sounds import BROWSER_OF
from callengine.directory import nodes
from callengine.edge.transport import certificates
from callengine.models import Call, Leg, Rejection
from connections.models import Connection, Registration
from dashboard.overview.figures import TrunksNow
from dashboard.overview.levels import Level
from dashboard.parts.shown import EngineView

MOST = 5
SILENT_LOOKED_AT = 500
"Legs of calls in progress that are looked at."
HOUR = dt.timedelta(hours=1)
MANY_REJECTIONS = Level(at=50, below=25)
"Of one address within an hour."
REJECTIONS_REMEMBERED = dt.timedelta(hours=4)
REJECTIONS_LOOKED_AT = 200
"The newest of an address that are remembered."
ADDRESSES_LOOKED_AT = 5
"Of those that may have been refused often enough, the worst."
ADDRESSES_TOLD = 50
"Of the same, where each has an alert."
CALLS_LOOKED_AT = 1000
"The newest, by which it is told who is usually there."
USUAL_CALLS = 3
"Who has made so many of them in USUAL is usually there."
USUAL = dt.timedelta(days=7)
LATE = dt.timedelta(minutes=2)
"A phone that renews its registration so late is not missed meanwhile."
DISK_FULL_PERCENT = Level(at=90.0, below=85.0)
DISK_MARK = ".nearly-full"
"A file of the data folder: it has been said, which all processes of this machine are to know."


@dataclass(frozen=True, slots=True)
class Concern:
    """A sentence, and its one button."""

    kind: str
    "What it is about: `engine`, `silent`, `trunk`, `phone`, `rejections`, `certificate`, `disk`."
    tone: str
    text: str
    button: str
    url: str
    since: dt.datetime | None = None
    "Ends the sentence, if there is one; what is to be done follows it."
    mend: str = ""
    of: str = ""
    "Whom it is about, where each of a kind has a sentence of its own: a row's key, an address."

    @property
    def sentence(self) -> str:
        """All of it as plain text, its time in UTC."""
        since = f" {self.since.astimezone(dt.UTC):%H:%M UTC on %d %B %Y}." if self.since else ""
        return f"{self.text}{since}{' ' if self.mend else ''}{self.mend}"


def concerns(may: Callable[[str], bool], *, engine: EngineView, trunks: TrunksNow) -> list[Concern]:
    """Return what is to be said to somebody who `may` see so much: MOST at most, the worst first.

    Ten queries at most, five as a rule.
    """
    return _all(may, engine=engine, trunks=trunks, each=False)[:MOST]


def every_concern(*, engine: EngineView, trunks: TrunksNow) -> list[Concern]:
    """Return all of it, of each phone and each address by itself.

    Of more than MOST of a kind there is a sentence about all of them as well.
    """
    return _all(lambda _: True, engine=engine, trunks=trunks, each=True)


def _all(
    may: Callable[[str], bool], *, engine: EngineView, trunks: TrunksNow, each: bool
) -> list[Concern]:
    """Return all of it, the worst first; `each`: of each phone and each address by itself."""
    now = timezone.now()
    concerns: list[Concern] = [*_engine(engine), *_silent()]
    if may("trunks.view_trunk"):
        concerns += _trunks(trunks)
    if may("connections.view_connection"):
        concerns += _phones(now, each=each)
    if may("callengine.view_rejection"):
        concerns += _rejections(now, each=each)
    if may("audiocodecs.view_platformsettings"):
        concerns += [*_certificate(now), *_disk()]
    return sorted(concerns, key=lambda concern: concern.tone != "fail")


def _engine(engine: EngineView) -> Iterator[Concern]:
    if engine.advice and engine.nodes:
        text = f"{engine.text[0].upper()}{engine.text[1:]}"
        url = reverse("calls")
        yield Concern("engine", "fail", text, "See the calls", url, engine.since, engine.advice)


def _silent() -> Iterator[Concern]:
    """Who is silent in a call that is up, as its call process has said last."""
    quiet = _silent_legs()
    calls = {row[0] for row in quiet}
    if len(calls) > 1:
        text = f"Somebody is silent in {len(calls)} calls: no audio arrives from them."
        yield Concern("silent", "fail", text, "Watch live calls", reverse("calls"))
    elif quiet:
        key, name, _, caller, callee, label = quiet[0]
        silent = who(name, label) if len(quiet) == 1 else "either party"
        call = f"{caller or 'anonymous'} to {callee or 'unknown'}"
        text = f"No audio arrives from {silent} of the call {call}."
        yield Concern("silent", "fail", text, "Open the call", reverse("call", args=[key]))


def silent_calls() -> set[str]:
    """Return the UUIDs of the calls in which somebody is silent. One query."""
    return {str(row[0]) for row in _silent_legs()}


def _silent_legs() -> list[tuple[Any, ...]]:
    """Return call, leg, quality, caller, callee and the leg's label of those silent by now."""
    legs = Leg.objects.filter(call__ended__isnull=True, state="up", quality__silence__isnull=False)
    legs = legs.exclude(call__node__in=nodes.silent_names())
    parties = "call__from_user", "call__to_user", "label"
    told = legs.values_list("call_id", "name", "quality", *parties)
    return [row for row in told[:SILENT_LOOKED_AT] if row[2].get("silence")]


def _trunks(trunks: TrunksNow) -> Iterator[Concern]:
    for pk, name, state in trunks.others:
        if state.tone == "fail":
            text = f"Calls through {name} cannot be expected to work: {state.word.lower()}."
            url = reverse("trunk", args=[pk])
            yield Concern("trunk", "fail", text, f"Open {name}", url, of=str(pk))


def _phones(now: dt.datetime, *, each: bool) -> Iterator[Concern]:
    """Connections whose phones made calls lately and have not been registered for a while.

    One sentence about all of them, or of `each` one. Two queries, and one if there are any.
    """
    newest = Call.objects.filter(started__gte=now - USUAL).order_by("-started", "-id")
    calls = list(newest.values_list("pk", "source")[:CALLS_LOOKED_AT])
    made = Counter(source for _, source in calls)
    users = _usual(made)
    if not users:
        return
    valid = Registration.objects.filter(expires_at__gt=now - LATE).values("connection")
    lost = Connection.objects.filter(sip_user__in=users, enabled=True).exclude(pk__in=valid)
    rows = list(lost.order_by("name").values_list("pk", "name", "sip_user"))
    if rows:
        labels = {f"connection:{user}" for _, _, user in rows}
        made -= _from_browsers(pk for pk, source in calls if source in labels)
        usual = _usual(made)
        rows = [row for row in rows if row[2] in usual]
    is_together = len(rows) > (MOST if each else 1)
    if is_together:
        more = f"{len(rows)} phones" if len(rows) <= MOST else f"More than {MOST} phones"
        listed = _listed([name for _, name, _ in rows])
        text = f"{more} that made calls in the last week are not registered: {listed}."
        yield Concern("phone", "wait", text, "See the connections", reverse("connections"))
    for pk, name, user in rows if each or not is_together else ():
        count = made[f"connection:{user}"]
        text = f"{name} ({user}) is not registered, and made {count} calls in the last week."
        url = reverse("connection", args=[pk])
        yield Concern("phone", "wait", text, f"Open {name}", url, of=str(pk))


def _usual(made: Counter[str]) -> set[str]:
    """Return the SIP users of connections that have made so many calls that they are missed."""
    return {
        source.removeprefix("connection:")
        for source, count in made.items()
        if source.startswith("connection:") and count >= USUAL_CALLS
    }


def _from_browsers(calls: Iterable[Any]) -> Counter[str]:
    """Count which of these calls a person made from a browser, by source: that is no phone."""
    legs = Leg.objects.filter(call__in=list(calls), name=CALLER, user_agent__startswith=BROWSER_OF)
    return Counter(legs.values_list("call__source", flat=True))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")


def _rejections(now: dt.datetime, *, each: bool) -> Iterator[Concern]:
    """The address that was refused most, or `each` one of them."""
    many = _refused_often(now, most=ADDRESSES_TOLD if each else ADDRESSES_LOOKED_AT)
    refused = list(many if each else islice(many, 1))
    if len(refused) > MOST:
        listed = _listed([address for address, _ in refused])
        text = f"More than {MOST} addresses were refused often in the last hour: {listed}."
        yield Concern("rejections", "wait", text, "See what they asked for", reverse("rejections"))
    for address, count in refused:
        text = f"{address} was refused {count} times in the last hour."
        url = f"{reverse('rejections')}?{urlencode({'source': address, 'time': ''})}"
        yield Concern("rejections", "wait", text, "See what it asked for", url, of=address)


def _refused_often(now: dt.datetime, *, most: int) -> Iterator[tuple[str, int]]:
    """Yield addresses and how often each was refused in the last hour, the worst first.

    So `most` are looked at. A query, and one for each that was refused less often.
    """
    counted = Rejection.objects.filter(at__gte=now - HOUR).order_by().values("source_address")
    many = counted.annotate(count=Count("id")).filter(count__gte=int(MANY_REJECTIONS.below))
    for row in many.order_by("-count", "source_address")[:most]:
        address, count = row["source_address"], row["count"]
        if count >= MANY_REJECTIONS.at or _were_many(address, now):
            yield address, count


def _were_many(address: str, now: dt.datetime) -> bool:
    """Tell whether an address was refused often, and has not stopped since."""
    lately = Rejection.objects.filter(source_address=address, at__gte=now - REJECTIONS_REMEMBERED)
    times = lately.order_by("-at").values_list("at", flat=True)[:REJECTIONS_LOOKED_AT]
    return MANY_REJECTIONS.holds_of(list(times), now, of=HOUR)


def _certificate(now: dt.datetime) -> Iterator[Concern]:
    path = settings.VOIPNUMBER_SIP_TLS_CERTIFICATE
    if path is None:
        return
    try:
        # Its times alone: the key may be in another file, which a web process need not read.
        ours = certificates.read_chain(path)[0]
    except certificates.CertificateError:
        return  # `manage.py check` and the engine say what is wrong with it
    problem = certificates.time_problem(ours, now) or certificates.ends_soon(ours, now)
    if problem:
        tone = "fail" if certificates.time_problem(ours, now) else "wait"
        text = f"The certificate of SIP over TLS {problem}. Put a new one at {path}."
        yield Concern("certificate", tone, text, "Open settings", reverse("settings"))


def _disk() -> Iterator[Concern]:
    try:
        usage = shutil.disk_usage(settings.VOIPNUMBER_DATA)
    except OSError:
        return
    percent = 100 * usage.used / usage.total
    mark = settings.VOIPNUMBER_DATA / DISK_MARK
    was_said = mark.exists()
    is_said = DISK_FULL_PERCENT.holds(percent, before=was_said)
    if is_said != was_said:
        # Where it cannot be kept, it is said at the limit alone.
        with contextlib.suppress(OSError):
            if is_said:
                mark.touch(mode=0o600)
            else:
                mark.unlink(missing_ok=True)
    if is_said:
        left = usage.free / 1e9
        text = f"The disk of the data folder is {percent:.0f} % full: {left:.1f} GB are left."
        yield Concern("disk", "wait", text, "Open settings", reverse("settings"))
