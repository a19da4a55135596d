"""What goes wrong when bytes that anybody may have put into a topic are read as JSON."""

import msgspec

#: Raised by `json` and `msgspec` for bytes that are no JSON, are not UTF-8, or are nested too deeply. One record must
#: never stop all who read its partition, so whoever reads a stranger's bytes catches all of these.
NOT_JSON = (msgspec.MsgspecError, ValueError, RecursionError)
