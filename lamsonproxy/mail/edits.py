"""The working copy of one recipient: header fields, text and attachments, changed.

Law: an edit is a splice. Every octet that was not edited leaves as it came: foldings, odd spacings, lines
that are no headers, a missing empty line. Unchanged means the very same octets, and a body that nobody
edited is never copied. Whether something has changed is found by comparing, so an edit that is taken back
leaves no trace. Each edit puts one value in the place of another, at once: whoever looks from another thread sees
the state before it or behind it, never one between.

Design law 2.
"""

from lamsonproxy.mail.content import Content
from lamsonproxy.mail.dkim_input import breaks_signature
from lamsonproxy.mail.draft import Draft
from lamsonproxy.mail.edited import Desk, EditedHeaders
from lamsonproxy.mail.entity import FILE, Attachment, Entity, attachment_entity, multipart, text_entity
from lamsonproxy.mail.footer import Footer, with_footer
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.part import Part
from lamsonproxy.mail.wire import canonical
from lamsonproxy.mail.wrapping import wrapped

__all__ = ["EditedHeaders", "Edits", "SealedError"]


class SealedError(ValueError):
    """This is signed or encrypted, and the change would break it; `force=True` makes it nevertheless."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class Edits:
    """The working copy: what leaves is the message with these edits.

    Parts are those of `message`, as it came; each can be edited again and again, until it is removed or replaced.
    """

    def __init__(self, message: Message) -> None:
        self.message = message
        self._desk = Desk(Draft(message))
        self.headers = EditedHeaders(self._desk)

    # -- the text --------------------------------------------------------------------------------------------

    def tag_subject(self, tag: str) -> None:
        """Put a tag such as "[cooks]" in front of the subject, unless it has it. Raises ValueError for a tag that no
        header can hold."""
        self.headers.tag_subject(tag)

    def add_footer(self, text: str, html: str = "", *, wrap: bool = False, force: bool = False) -> bool:
        """Put a footer under the text: into its plain form and its HTML, each in its own charset and encoding.
        Without `html` the HTML gets the text.

        False when there is no place for it, and nothing was changed: the mail is signed or encrypted, or has no text.
        `wrap` puts such mail, as it is, into a multipart with the footer beside it. `force` ignores signatures.
        """
        footer = Footer(text, html)
        structure, root = self.message.structure, self.message.parts[0]
        draft = self._desk.draft
        if force or not structure.holds_seal(root):
            for part in structure.texts(root):
                draft = _with_footer(draft, part, footer)
        if draft is self._desk.draft and wrap:
            draft = wrapped(draft, _octets(_footer_entity(footer)))
        is_placed = draft is not self._desk.draft
        self._desk.draft = draft
        return is_placed

    # -- parts -----------------------------------------------------------------------------------------------

    def remove_part(self, part: Part, *, force: bool = False) -> None:
        """Take a part out of its multipart; the last one leaves an empty text, as no multipart may be empty.

        Raises SealedError for what is signed or encrypted, unless forced; ValueError when the part is in no multipart,
        is gone already, or is none of this message.
        """
        self._check(part, force)
        self._desk.draft = self._without(self._desk.draft, part)

    def replace_part(
        self,
        part: Part,
        content: str | bytes,
        content_type: str = "",
        filename: str = "",
        *,
        force: bool = False,
    ) -> None:
        """Put a text, or a file, in the place of a part. A text is plain or, with "text/html", HTML; with another type,
        or with a file's name, it is a file in UTF-8.

        Raises like `remove_part`; any part can be replaced, the message's own body too.
        """
        self._check(part, force)
        entity = _entity(content, content_type, filename)
        self._desk.draft = _replaced(self._desk.draft, part, entity, f"part {self._number(part)} replaced")

    def strip_attachments(self, pattern: str, note: str = "", *, force: bool = False) -> tuple[str, ...]:
        """Remove the attachments with a name that fits a pattern such as "*.exe"; give their names. Those in attached
        messages are found too.

        With a `note`, that text stands in the place of each; `{name}` in it is the attachment's name. Raises
        SealedError if one of them is signed or encrypted, unless forced: then none is removed.
        """
        draft, names = self._desk.draft, []
        for part in self.message.attachments:
            if not (part.is_named(pattern) and draft.has(part)):
                continue
            self._check(part, force)
            if note or not self._is_in_multipart(part):
                entity = text_entity("plain", note.replace("{name}", part.filename))
                draft = _replaced(draft, part, entity, f"part {self._number(part)} removed")
            else:
                draft = self._without(draft, part)
            names.append(part.filename)
        self._desk.draft = draft
        return tuple(names)

    # -- the body --------------------------------------------------------------------------------------------

    @property
    def body(self) -> bytes:
        """What follows the empty line, as it leaves."""
        body = self.content.body
        return self.message.raw[self.message.body_start :] if body is None else body

    def replace_body(self, body: bytes) -> None:
        """Put another body in place of the one that came; its line ends become CRLF.

        Content-Type and Content-Transfer-Encoding are headers: who makes them wrong must edit them too. The parts of
        the message are gone.
        """
        if not isinstance(body, bytes):
            raise TypeError("a body is bytes")
        self._desk.draft = self._desk.draft.with_body(canonical(body), "body replaced")

    # -- the whole -------------------------------------------------------------------------------------------

    @property
    def content(self) -> Content:
        """What leaves if nothing more is edited; what is edited later does not change it."""
        return self._desk.draft.content

    @property
    def changed(self) -> bool:
        """Whether what leaves differs from what came."""
        return self.content.is_edited

    @property
    def breaks_dkim(self) -> bool:
        """Whether a DKIM signature that came with the message is no longer true of what leaves, or is gone."""
        draft = self._desk.draft
        if not draft.content.is_edited or "DKIM-Signature" not in self.message.headers:
            return False
        return breaks_signature(self.message, draft.now)

    def undo(self) -> None:
        """Go back to the message as it came."""
        self._desk.draft = Draft(self.message)

    def list_changes(self) -> tuple[str, ...]:
        """What has changed, in short words for the log: names of headers and numbers of parts, never values."""
        return self.headers.list_changes() + self._desk.draft.acts

    def _check(self, part: Part, force: bool) -> None:
        if part not in self.message.structure:
            raise ValueError("this part is none of the message as it came")
        if not force and self.message.structure.is_sealed(part):
            raise SealedError

    def _without(self, draft: Draft, part: Part) -> Draft:
        if not self._is_in_multipart(part):
            raise ValueError("only a part of a multipart can be removed; any part can be replaced")
        act = f"part {self._number(part)} removed"
        structure = self.message.structure
        siblings = structure.children(structure.parent(part) or part)
        # From the end: those that went in order are not asked again and again.
        if any(each is not part and draft.has(each) for each in reversed(siblings)):
            return draft.without(part, act)
        return draft.with_part(part, b"\r\n", act)

    def _is_in_multipart(self, part: Part) -> bool:
        outer = self.message.structure.parent(part)
        return outer is not None and outer.is_multipart

    def _number(self, part: Part) -> int:
        return self.message.structure.number(part)


def _entity(content: str | bytes, content_type: str, filename: str) -> Entity:
    if not isinstance(content, str):
        return attachment_entity(Attachment(content, filename, content_type or FILE))
    if content_type in ("", "text/plain", "text/html") and not filename:
        return text_entity("html" if content_type == "text/html" else "plain", content)
    try:
        octets = content.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a text holds a lone surrogate, which is no character") from None
    return attachment_entity(Attachment(octets, filename, f"{content_type or 'text/plain'}; charset=utf-8"))


def _with_footer(draft: Draft, part: Part, footer: Footer) -> Draft:
    if not draft.has(part):
        return draft
    entity = draft.entity(part).parts[0]
    if entity.content_type != part.content_type:
        return draft
    rewriting = with_footer(entity, footer)
    if rewriting is None:
        return draft
    return draft.with_entity(part, rewriting.fields, rewriting.body, "footer added")


def _footer_entity(footer: Footer) -> Entity:
    plain = text_entity("plain", footer.text)
    return multipart("alternative", [plain, text_entity("html", footer.html)]) if footer.html else plain


def _replaced(draft: Draft, part: Part, entity: Entity, act: str) -> Draft:
    """With an entity in the place of a part, or of all that the message holds."""
    if part.depth:
        return draft.with_part(part, _octets(entity), act)
    fields = Message(entity.fields).headers.fields
    return draft.with_content(fields, canonical(b"".join(entity.body)), act)


def _octets(entity: Entity) -> bytes:
    return b"".join(entity.pieces)
