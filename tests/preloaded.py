"""What the process that tests/forked.py forks from builds when it has imported all; else each fork would for itself."""

import gc

from services.api.app import build_models
from services.api.routers import organization_routers

build_models()
organization_routers()
# Nothing of it is garbage; and a page that no collector writes to is not copied for a fork.
gc.freeze()
