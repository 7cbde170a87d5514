"""The command line: `lamson`, also `python -m lamsonproxy`. Each command parses, calls, and prints.

Law: what the operator or the author of the application did wrong is a sentence on standard error and exit
status 1; a traceback is a bug of ours. Nothing heavy is imported before it is known which command it is.
"""


def main() -> None:
    """Run the command that the arguments name."""
    from lamsonproxy.cli.commands import app

    app()
