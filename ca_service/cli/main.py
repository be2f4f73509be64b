"""The entry point: `serve` at once, everything else through the whole command line."""

import sys


def main() -> None:
    """Run the command that the arguments name, and exit with its status."""
    if sys.argv[1:2] == ["serve"]:
        from ca_service.cli.serving import parse_options, run_serve

        options = parse_options(sys.argv[2:])
        if options is not None:
            sys.exit(run_serve(options))
    from ca_service.cli.commands import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
