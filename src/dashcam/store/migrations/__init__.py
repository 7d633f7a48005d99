"""Alembic migrations of all engines."""
