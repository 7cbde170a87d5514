"""The history of the tables, for Alembic: `versions/` holds one revision a file, `env.py` says how they are run.

Law: a revision that was released never changes. Each says `is_safe`: whether processes of the release before can go on
working while it is applied and after it.
"""
