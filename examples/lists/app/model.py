"""Who is on which list. `db` is `mail.db`: what is done here is committed with the conversation, or not at all."""

from sqlalchemy import String, delete, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from lamsonproxy import Address

BOUNCES_LIMIT = 3
"""Hard bounces in a row after which nobody is at that address any more."""


class Base(DeclarativeBase):
    """The tables of this application; the service makes them when they are missing."""


class Member(Base):
    """One address on one list."""

    __tablename__ = "member"

    list_name: Mapped[str] = mapped_column(String(64), primary_key=True)
    address: Mapped[str] = mapped_column(String(320), primary_key=True)
    bounces: Mapped[int] = mapped_column(default=0)


class Members:
    """The members of all lists."""

    def add(self, db: Session, list_name: str, address: Address | str) -> None:
        """Nothing changes for who is on the list already, but that his bounces are forgiven."""
        db.merge(Member(list_name=list_name, address=_key(address), bounces=0))

    def remove(self, db: Session, list_name: str, address: Address | str) -> None:
        db.execute(delete(Member).where(Member.list_name == list_name, Member.address == _key(address)))

    def of(self, db: Session, list_name: str) -> list[str]:
        """The addresses on a list."""
        return list(
            db.scalars(select(Member.address).where(Member.list_name == list_name).order_by(Member.address))
        )

    def bounced(self, db: Session, list_name: str, address: Address | str) -> None:
        """Count a bounce; the last one that is borne removes the member."""
        member = db.get(Member, (list_name, _key(address)))
        if member is None:
            return
        member.bounces += 1
        if member.bounces >= BOUNCES_LIMIT:
            db.delete(member)


def _key(address: Address | str) -> str:
    # Capitals may mean something to the address's host, but people write them as they please.
    return str(address).lower()


members = Members()
