"""What interrupts work that is taken up again later."""

from events.codec import NewerRecordError
from services.failures import Passing

#: A server is away, or only a newer process understands what there is.
INTERRUPTIONS = (Passing, NewerRecordError)
