"""Compiles `src/native` into `dashcam._native` when a wheel is built or dashcam is installed.

Where that can't be done (no compiler, no headers, a big-endian machine) the wheel is the pure
one, in which the twins in Python do the same, slower.
"""

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError


class NativeBuildHook(BuildHookInterface):
    """Adds the compiled module to the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile in place; an editable install imports it from there."""
        if self.target_name != "wheel" or os.environ.get("DASHCAM_BUILD_PURE"):
            return
        root = Path(self.root)
        try:
            module = compile_in_place(root)
        except (BaseError, OSError) as error:
            print(f"dashcam._native is left out, Python does its work: {error}", file=sys.stderr)
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["force_include"][str(module)] = f"dashcam/{module.name}"


def compile_in_place(root: Path) -> Path:
    """Compile the module into `src/dashcam`; give its path.

    Raises:
        setuptools.errors.BaseError: it can't be compiled here.
    """
    sources = sorted(str(path.relative_to(root)) for path in (root / "src/native").glob("*.c"))
    extension = Extension(
        "dashcam._native",
        sources,
        depends=["src/native/native.h"],
        extra_compile_args=["-O3", "-Wall", "-fvisibility=hidden"],
    )
    before = Path.cwd()
    os.chdir(root)
    try:
        command = build_ext(Distribution({"name": "dashcam", "ext_modules": [extension]}))
        command.build_lib = "src"
        command.build_temp = "build/native"
        command.force = True
        command.ensure_finalized()
        command.run()
    finally:
        os.chdir(before)
    return root / command.get_ext_fullpath("dashcam._native")
