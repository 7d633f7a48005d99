"""`python -m dashcam` and the command `dashcam`."""

import sys


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
    app()


if __name__ == "__main__":
    main()
