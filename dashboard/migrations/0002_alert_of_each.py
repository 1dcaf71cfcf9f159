from typing import Any

from django.db import migrations


def forget_those_of_many(apps: Any, _: Any) -> None:
    """Close unsaid what was one alert for all phones, and for all addresses: each has its own.

    Left open, their end would be told, of what is not over.
    """
    apps.get_model("dashboard", "OpenAlert").objects.filter(key__in=["phone", "rejections"]).delete()


class Migration(migrations.Migration):

    dependencies = [("dashboard", "0001_alerts")]

    operations = [migrations.RunPython(forget_those_of_many, migrations.RunPython.noop)]
