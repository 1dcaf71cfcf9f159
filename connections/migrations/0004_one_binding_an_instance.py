from django.db import migrations, models
from django.db.models import Exists, OuterRef, Q


def keep_the_latest(apps, schema_editor):
    """Remove what one device registered twice at once; its latest binding stays."""
    rows = apps.get_model("connections", "Registration").objects
    later = rows.filter(
        Q(registered_at__gt=OuterRef("registered_at"))
        | Q(registered_at=OuterRef("registered_at"), pk__gt=OuterRef("pk")),
        connection=OuterRef("connection"),
        instance=OuterRef("instance"),
    )
    doubles = rows.exclude(instance="").filter(Exists(later)).values_list("pk", flat=True)
    rows.filter(pk__in=list(doubles)).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("connections", "0003_caller_id_and_reach"),
    ]

    operations = [
        migrations.RunPython(keep_the_latest, migrations.RunPython.noop),
        migrations.RemoveConstraint("registration", "one_registration_per_contact"),
        migrations.AlterField(
            "registration", "instance", models.CharField(blank=True, max_length=128)
        ),
        migrations.AddConstraint(
            "registration",
            models.UniqueConstraint(
                fields=["connection", "contact", "instance"], name="one_registration_per_contact"
            ),
        ),
        migrations.AddConstraint(
            "registration",
            models.UniqueConstraint(
                condition=~Q(instance=""),
                fields=["connection", "instance"],
                name="one_registration_per_instance",
            ),
        ),
    ]
