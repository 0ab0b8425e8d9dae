"""`python health_check.py` is `ticktape health`: the command that existing runbooks and monitors call."""

import sys

from service import cli

if __name__ == "__main__":
    cli.main(["health", *sys.argv[1:]])
