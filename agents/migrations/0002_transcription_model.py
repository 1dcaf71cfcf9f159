from django.db import migrations, models

import agents.validators


class Migration(migrations.Migration):
    dependencies = [('agents', '0001_initial')]

    operations = [
        migrations.AddField(
            model_name='voiceagent',
            name='transcription_model',
            field=models.CharField(blank=True, default='', help_text="The model that writes down what the caller says. Empty: the vendor's usual one.", max_length=200, validators=[agents.validators.validate_text]),
            preserve_default=False,
        ),
    ]
