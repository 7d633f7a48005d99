"""`python -m dashcam` and the command `dashcam`."""

import sys
from typing import Any


def main() -> None:
    """Run a command; the writer needs nothing but the core, all others the `standard` extra."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["writer"]:
        from dashcam.writer.process import child_main

        sys.exit(child_main(arguments[1:]))
    try:
        from dashcam.cli import app
    except ImportError as error:
        print(f'dashcam: {error.name} is missing: pip install "dashcam[standard]"', file=sys.stderr)
        sys.exit(2)
    try:
        code = app(standalone_mode=False)
    except Exception as error:
        # Wrong usage, as typer (or the click in or beside it) tells it; all else is a bug.
        if not hasattr(error, "format_message"):
            raise
        sys.exit(_tell_usage(error))
    sys.exit(code if isinstance(code, int) else 0)


def _tell_usage(error: Any) -> int:
    """Say in one line what is wrong with the arguments; give the exit code."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return 2
    sentence = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    name = "dashcam" if context is None else context.command_path
    print(f"dashcam: {sentence}; see `{name} -h`", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
