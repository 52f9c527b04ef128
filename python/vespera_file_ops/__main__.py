"""`python -m vespera_file_ops` is the command `vfo`."""

from .cli import main

if __name__ == "__main__":
    main()
