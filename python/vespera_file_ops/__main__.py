"""`python -m vespera_file_ops` is the command `vfo`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
