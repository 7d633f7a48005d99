"""dashcam: records every HTTP exchange of a Python web application, off the request path."""

from dashcam.capture.annotation import annotate
from dashcam.capture.asgi import DashcamMiddleware
from dashcam.errors import (
    DashcamError,
    JournalError,
    MissingExtraError,
    QueryError,
    RowRefusedError,
    SettingsError,
    StoreError,
    StoreSetupError,
    StoreUnavailableError,
)
from dashcam.exchange import Exchange, Identity
from dashcam.recorder import Recorder
from dashcam.settings import Settings
from dashcam.statistics import Statistics

__version__ = "0.1.0"

__all__ = [
    "DashcamError",
    "DashcamMiddleware",
    "Exchange",
    "Identity",
    "JournalError",
    "MissingExtraError",
    "QueryError",
    "Recorder",
    "RowRefusedError",
    "Settings",
    "SettingsError",
    "Statistics",
    "StoreError",
    "StoreSetupError",
    "StoreUnavailableError",
    "annotate",
]
