"""What the application's templates are made to say: a port."""

from collections.abc import Mapping
from typing import Protocol

from lamsonproxy.mail.rendered import Rendered


class Templates(Protocol):
    """The application's templates. Names come from the application, never from a mail."""

    def render(self, name: str, variables: Mapping[str, object]) -> Rendered:
        """Raises AppError, with the template's name and line, whatever goes wrong in it."""
