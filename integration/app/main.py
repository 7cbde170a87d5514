"""The application by the name that lamson.toml gives."""

from lamsonproxy import App

app = App("integration.app.handlers", captures={"tag": "[a-z0-9.]+", "host": r"app\.test"})
