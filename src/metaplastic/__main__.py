"""`python -m metaplastic` is the `metaplastic` command."""

from metaplastic.cli.app import main

if __name__ == "__main__":
    main()
