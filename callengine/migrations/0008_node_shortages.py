from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('callengine', '0007_timeline_places'),
    ]

    operations = [
        migrations.AddField(
            model_name='enginenode',
            name='shortages',
            field=models.JSONField(default=list),
        ),
    ]
