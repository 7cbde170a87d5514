"""The Django project, as small as it can be: the web site would stand here too."""

from pathlib import Path

FOLDER = Path(__file__).parent.parent

SECRET_KEY = "only for trying it out"
INSTALLED_APPS = ["tickets"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        # Not the file of lamson.toml: SQLite has one writer, and a state function would wait for its own transaction.
        "NAME": FOLDER / "django.sqlite3",
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
    }
}
