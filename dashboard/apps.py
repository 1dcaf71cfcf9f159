"""The app."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class DashboardConfig(AppConfig):
    """Name the app, keep the roles' groups up to date, notice changes of what people may do."""

    name = "dashboard"
    verbose_name = "Dashboard"

    def ready(self) -> None:
        from django.contrib.auth.models import Group, User

        from audit.watching import watch, watch_members
        from dashboard.accounts.roles import ROOMS, ensure_groups
        from dashboard.live import viewers  # noqa: F401 - connects its receivers
        from dashboard.models import AlertSettings

        watch(User, secrets={"password": "password"}, ignored=["last_login", "date_joined"])
        watch(Group)
        watch(AlertSettings)
        for model, field in ((User, "groups"), (User, "user_permissions"), (Group, "permissions")):
            watch_members(model, field)
        # The last app with models: by then the permissions of all of them are there.
        post_migrate.connect(ensure_groups, sender=apps.get_app_config(ROOMS[-1]))
