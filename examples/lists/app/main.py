"""The application, as lamson.toml names it."""

from app.model import Base
from lamsonproxy import App

app = App(
    "app.handlers.lists",
    "app.handlers.bounces",
    templates="app/templates",
    tables=Base,
    captures={"host": r"lists\.example\.org", "list_name": "[a-z]+", "secret": "[a-z0-9]{32}"},
)
