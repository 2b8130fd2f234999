"""``python -m mvemotion``."""

import sys

from mvemotion.cli import main

if __name__ == "__main__":
    sys.exit(main())
