"""The application, as lamson.toml names it. Django is set up here, before a module of handlers is imported."""

import os

import django

from lamsonproxy import App

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "helpdesk.settings")
django.setup()

app = App("tickets.mail", captures={"host": r"help\.example\.org", "done": "done"})
