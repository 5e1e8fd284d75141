"""`python -m s2f_utils` is the command `s2f`."""

import sys

from s2f_utils.cli.main import main

sys.exit(main())
