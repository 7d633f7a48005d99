"""Who is calling, and how much they may: API keys, tokens, sessions, quotas.

Optional: an app with its own authentication uses the setting `identify`, or `annotate`.
"""

from dashcam.access.api_keys import ApiKeys, NewKey
from dashcam.access.middleware import AccessMiddleware
from dashcam.access.quota import charge

__all__ = ["AccessMiddleware", "ApiKeys", "NewKey", "charge"]
