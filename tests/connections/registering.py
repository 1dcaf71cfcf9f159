"""REGISTERs of one user at four engines at once, which share a database; run as a program.

Prints, as JSON, the Contacts that are stored at the end.
"""

import json
import threading
import time

import django


def register(contact: str, call_id: str, ready: threading.Barrier) -> None:
    """Add one Contact as an engine does, which knows of no other, and store it."""
    from django.db import connection

    from callengine.directory.registrations import Registrations
    from callengine.edge.callers import registrar
    from connections.models import Connection
    from connections.services import store_registrations

    limits = registrar.RegistrarLimits(60, 3600, 600, 5)
    asked = registrar.RegisterRequest(
        (registrar.ContactRequest(contact, 300, 1.0, ""),),
        star=False,
        expires_s=None,
        call_id=call_id,
        cseq=1,
        flow="udp:192.0.2.1:5060",
        user_agent="phone",
    )

    engine = Registrations(node=call_id)
    key = Connection.objects.get(sip_user="alice").pk
    engine.change(
        key, lambda known: registrar.register(known, asked, now=time.time(), limits=limits)
    )
    ready.wait(20)
    store_registrations(engine.take_unwritten())
    connection.close()


def main() -> None:
    django.setup()
    from django.core.management import call_command

    from connections.models import Connection, Registration

    call_command("migrate", verbosity=0)
    Connection.objects.create(name="Alice", sip_user="alice")
    contacts = [f"sip:alice@192.0.2.{number}" for number in range(4)]
    ready = threading.Barrier(len(contacts))
    threads = [
        threading.Thread(target=register, args=(contact, f"call-{number}", ready))
        for number, contact in enumerate(contacts)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    print(json.dumps(sorted(Registration.objects.values_list("contact", flat=True))))


if __name__ == "__main__":
    main()
