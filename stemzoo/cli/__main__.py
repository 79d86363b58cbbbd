"""Run the command line with ``python -m stemzoo.cli``."""

from stemzoo.cli.app import main

if __name__ == "__main__":
    main()
