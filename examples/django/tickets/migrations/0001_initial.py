from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    initial = True
    operations = (
        migrations.CreateModel(
            name="Ticket",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("correspondent", models.CharField(max_length=320)),
                ("is_open", models.BooleanField(db_default=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["correspondent"], condition=models.Q(is_open=True), name="one_open_ticket"
                    )
                ]
            },
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("mail_key", models.CharField(max_length=64, unique=True)),
                ("text", models.TextField()),
                ("received_at", models.DateTimeField(db_default=Now())),
                (
                    "ticket",
                    models.ForeignKey(on_delete=models.CASCADE, related_name="messages", to="tickets.ticket"),
                ),
            ],
        ),
    )
