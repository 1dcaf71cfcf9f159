"""What every process of this checkout loads, Django with all apps and pages included.

It is loaded under settings that are nobody's; a process that is forked then reads its own. That
works because no module keeps a setting as it is imported: `tests/test_house.py` holds ours to
it, and what Django and its apps keep is forgotten here.
"""

import importlib
import os
import pkgutil
import sys
import tempfile
from types import ModuleType

ROOMS = (
    "agents.builtin",
    "agents.dialects",
    "callengine.core",
    "callengine.edge",
    "callengine.engine",
    "callengine.notices",
    "callengine.record",
    "provisioning",
)
MODULES = ("dashboard.routing",)
SERVER = "daphne.server"
"Makes an event loop as it is imported, which processes must not share."
SETTINGS = "voipnumber.settings"


def load() -> None:
    """Import it all, so far as it is the same in each process."""
    sys.modules[SERVER] = ModuleType(SERVER)  # daphne's app imports it early, and asks it nothing
    with tempfile.TemporaryDirectory(prefix="voipnumber-") as folder:
        os.environ.update(
            DJANGO_SETTINGS_MODULE=SETTINGS,
            DATABASE_URL="",
            REDIS_URL="",
            VOIPNUMBER_DATA=folder,
            SECRET_KEY="nobody's" * 4,
        )
        _load()
    del sys.modules[SERVER]


def _load() -> None:
    import django

    django.setup()
    from django.urls import get_resolver

    get_resolver().url_patterns  # noqa: B018 (imports every page)
    for room in map(importlib.import_module, ROOMS):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            importlib.import_module(module.name)
    for name in MODULES:
        importlib.import_module(name)


def begin() -> None:
    """Have the settings read anew, when they are first asked, from the environment as it is now."""
    from django.conf import empty, global_settings, settings
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.core.files.storage import storages
    from django.db import connections

    ours = sys.modules.pop(SETTINGS)
    for name, value in vars(settings._wrapped).items():
        if name.isupper() and not hasattr(ours, name) and not hasattr(global_settings, name):
            setattr(global_settings, name, value)  # the default of an app, set as it was imported
    settings._wrapped = empty
    staticfiles_storage._wrapped = empty
    for handler in (connections, storages):
        vars(handler).clear()
        handler.__init__()
    importlib.import_module(SERVER)
