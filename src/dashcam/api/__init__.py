"""History over HTTP: a router to include in one's own app, and the app of `dashcam serve`."""

from dashcam.api.app import history_app
from dashcam.api.router import history_router

__all__ = ["history_app", "history_router"]
