"""What must not be kept: runs on every exchange before it reaches the journal.

A failure here must never let anything through: a part whose redaction fails keeps nothing.
"""

from dashcam.redaction.names import REDACTED
from dashcam.redaction.redactor import Redactor
from dashcam.redaction.sanitize import sanitize
from dashcam.redaction.scrub import scrub

__all__ = ["REDACTED", "Redactor", "sanitize", "scrub"]
