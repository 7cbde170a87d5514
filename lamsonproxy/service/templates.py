"""The application's templates, where it has any."""

from pathlib import Path

from lamsonproxy.app.application import App
from lamsonproxy.ports import Templates


def templates_of(app: App | None) -> Templates | None:
    """The application's templates, all of them compiled. Raises AppError with every mistake."""
    if app is None or app.templates is None:
        return None
    from lamsonproxy.views.templates import TemplateFolder  # for those who have any

    templates = TemplateFolder(Path(app.templates))
    templates.check()
    return templates
