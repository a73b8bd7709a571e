"""Run the `metaplastic` command with `python -m metaplastic`."""

from metaplastic.cli.app import main

if __name__ == "__main__":
    main()
