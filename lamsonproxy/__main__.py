"""`python -m lamsonproxy` is `lamson`."""

from lamsonproxy.cli import main

main()
