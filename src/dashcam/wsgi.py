"""For Flask, Django, Bottle and every other WSGI app."""

from dashcam.capture.wsgi import DashcamWSGIMiddleware

__all__ = ["DashcamWSGIMiddleware"]
