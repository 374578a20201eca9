"""Run the command line: `python -m koe5_demo rank --query Q --passage P`."""

import sys

from koe5_demo.cli import main

sys.exit(main())
