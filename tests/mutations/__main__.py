"""`python -m tests.mutations --count 10000`: more mutations than the tests try; a table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Print a line for every kind of file and way of damage; 1 where any went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="mutations of each")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations")
    parser.add_argument("--only", default="", help="kinds whose name holds this")
    asked = parser.parse_args()

    from .attempts import attempt
    from .kinds import KINDS, MORE

    failed = 0
    print(f"{'file':<24} {'damage':<8} {'refused':>8} {'read':>8} {'wrong':>8}", flush=True)
    for kind in (*KINDS, *MORE):
        for way in kind.ways if asked.only in kind.name else ():
            with tempfile.TemporaryDirectory() as folder:
                tally = attempt(kind, way, asked.count, Path(folder), asked.seed)
            failed += tally.failed
            print(
                f"{kind.name:<24} {way:<8} {tally.refused:>8} {tally.read:>8} {tally.failed:>8}",
                flush=True,
            )
            for line in tally.wrong:
                print(f"    {line}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
