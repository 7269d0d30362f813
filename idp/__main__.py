"""`python -m idp` is the command."""

from idp.cli.main import idp


def main() -> None:
    """Run the command line."""
    idp(prog_name="idp")


if __name__ == "__main__":
    main()
