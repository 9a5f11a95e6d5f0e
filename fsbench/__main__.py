"""`python -m fsbench`."""

from fsbench.cli import run

if __name__ == "__main__":
    run()
