"""`python -m locany`: the command line."""

import sys

from locany.cli.main import run

if __name__ == "__main__":
    sys.exit(run())
