"""Two REGISTERs of one user at once, each on a database connection of its own; run as a program.

Prints, as JSON, the Contacts that are stored at the end.
"""

import json
import threading
import time

import django


def register(contact: str, call_id: str, ready: threading.Barrier) -> None:
    """Add one Contact as the registrar does; between reading and writing others have their time."""
    from django.db import connection

    from callengine.directory import lookup
    from callengine.edge.callers import registrar

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

    def slowly(bindings):
        after = registrar.register(bindings, asked, now=time.time(), limits=limits)
        time.sleep(0.2)
        return after

    ready.wait(20)
    lookup.change_bindings("alice", slowly)
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
