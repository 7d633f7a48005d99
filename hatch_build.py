"""Compiles `src/native` into `dashcam._native` when a wheel is built or dashcam is installed.

Where that can't be done (no compiler, no headers, a big-endian machine) the wheel is the pure
one, in which the twins in Python do the same, slower.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension
from setuptools.command.build_ext import build_ext


class NativeBuildHook(BuildHookInterface):
    """Adds the compiled module to the wheel; an editable install imports it from the sources."""

    PLUGIN_NAME = "custom"
    _place: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and tell the builder what came of it."""
        if self.target_name != "wheel" or os.environ.get("DASHCAM_BUILD_PURE"):
            return
        root = Path(self.root)
        place = self._place = Path(tempfile.mkdtemp(prefix="dashcam-"))
        into = root / "src" if version == "editable" else place
        module = compile_native(root, into=into, by_way_of=place)
        if module is None:
            print("dashcam._native is left out: Python does its work", file=sys.stderr)
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["force_include"][str(module)] = f"dashcam/{module.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Leave nothing behind."""
        if self._place is not None:
            shutil.rmtree(self._place, ignore_errors=True)


PORTABLE = ["-O2", "-g0", "-Wall", "-fvisibility=hidden"]
QUICK = [*PORTABLE, "-flto", "-fno-plt"]
"""Code that is called a few times a request runs from cold caches: few and short jumps count."""
COUNTING = [*QUICK, "-fprofile-generate", "-fprofile-update=prefer-atomic"]
TRAINED = [*QUICK, "-fprofile-use", "-fprofile-partial-training", "-Wno-missing-profile"]
"""As GCC has them; another compiler refuses them, and QUICK it is."""


def compile_native(root: Path, *, into: Path, by_way_of: Path) -> Path | None:
    """Compile the module; give its path, or None where it can't be compiled.

    Args:
        root: of the sources.
        into: the folder that has the package, or is to have it.
        by_way_of: a folder for what lies between.
    """
    ways = [QUICK, PORTABLE]
    if _train(root, by_way_of=by_way_of):
        ways.insert(0, TRAINED)
    for flags in ways:
        module = _compile(root, flags, into=into, by_way_of=by_way_of)
        if module.exists():
            return module
    return None


def _train(root: Path, *, by_way_of: Path) -> bool:
    """Let a module that counts serve requests; tell whether the counts lie beside its objects.

    What they are for: code that a request runs stands together, and what it doesn't run apart.
    In a server that is worth 3 µs of the 18 that a request takes longer.
    """
    place = by_way_of / "training"
    package = shutil.copytree(root / "src/dashcam", place / "dashcam")
    for compiled in package.glob("_native.*.so"):
        compiled.unlink()
    if not _compile(root, COUNTING, into=place, by_way_of=by_way_of).exists():
        return False
    try:
        subprocess.run(
            [sys.executable, str(root / "src/native/train.py"), str(place)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(place), *sys.path[1:]])},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or error
        print(f"dashcam._native is compiled without training: {said}", file=sys.stderr)
        return False
    return True


def _compile(root: Path, flags: list[str], *, into: Path, by_way_of: Path) -> Path:
    extension = Extension(
        "dashcam._native",
        sorted(str(path.relative_to(root)) for path in (root / "src/native").glob("*.c")),
        extra_compile_args=flags,
        extra_link_args=flags,
        optional=True,
    )
    before = Path.cwd()
    os.chdir(root)
    try:
        command = build_ext(Distribution({"name": "dashcam", "ext_modules": [extension]}))
        command.build_lib = str(into)
        command.build_temp = str(by_way_of)
        command.force = True
        command.ensure_finalized()
        module = Path(command.get_ext_fullpath("dashcam._native")).absolute()
        module.unlink(missing_ok=True)
        command.run()
    finally:
        os.chdir(before)
    return module
