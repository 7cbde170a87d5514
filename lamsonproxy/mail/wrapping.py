"""A message put into a multipart, so that something can stand beside it.

Law: the body that came is a part of the new one, octet for octet, under the Content fields that it came with: a
signature over it stays true. The boundary is a digest, so nobody can have written it beforehand.

RFC 2046 §5.1, RFC 2045 §6.4 (a multipart says 8bit when a part of it is).
"""

import hashlib
from dataclasses import replace

from lamsonproxy.mail.content import ended
from lamsonproxy.mail.draft import Draft
from lamsonproxy.mail.fields import write_parameterized
from lamsonproxy.mail.folding import write_field
from lamsonproxy.mail.headers import Field
from lamsonproxy.mail.layout import describes_body, joined


def wrapped(draft: Draft, entity: bytes) -> Draft:
    """The draft as the first part of multipart/mixed, with another entity behind it."""
    moved = [field for field in draft.layout.fields(draft.message) if describes_body(field)]
    boundary = f"=_{hashlib.sha256(draft.message.digest + draft.behind + entity).hexdigest()[:40]}"
    delimiter = b"--" + boundary.encode("ascii")
    new = [write_parameterized("Content-Type", "multipart/mixed", {"boundary": boundary}), *_encoding(moved)]
    layout = draft.layout.substituted(draft.message, describes_body, new)
    before = delimiter + b"\r\n" + ended(joined(moved)) + b"\r\n" + draft.before
    behind = draft.behind + b"\r\n" + delimiter + b"\r\n" + entity + b"\r\n" + delimiter + b"--\r\n"
    whole = replace(draft, layout=layout, before=before, behind=behind)
    return (
        whole if "MIME-Version" in draft.now.headers else whole.with_field(write_field("MIME-Version", "1.0"))
    )


def _encoding(moved: list[Field]) -> list[Field]:
    given = [field for field in moved if field.name.lower() == "content-transfer-encoding"]
    kept = given and given[0].value.lower() in ("8bit", "binary")
    return [write_field("Content-Transfer-Encoding", given[0].value.lower())] if kept else []
