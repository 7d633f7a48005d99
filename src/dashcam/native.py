"""The compiled module, where there is one: `native` is None where Python does its work.

Each part of it has a twin in Python beside the place where it is used, and the tests compare
the two. `DASHCAM_PURE_PYTHON=1` leaves the compiled ones unused.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dashcam import _native

    native = _native
else:
    native = None
    if not os.environ.get("DASHCAM_PURE_PYTHON"):
        try:
            native = import_module("dashcam._native")
        except ImportError:  # installed where it could not be compiled
            pass
