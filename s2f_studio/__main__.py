"""`python -m s2f_studio` is the command `s2f`."""

import sys

from s2f_studio.cli.main import main

sys.exit(main())
