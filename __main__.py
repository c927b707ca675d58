"""`python -m dfdx`: the command line."""

import sys

from dfdx.cli.main import main

sys.exit(main())
