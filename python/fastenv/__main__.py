"""``python -m fastenv``."""

from fastenv.cli import main

if __name__ == "__main__":
    main()
