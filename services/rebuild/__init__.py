"""`trueup rebuild-store`: the event store and the log agree again, whichever of them has lost something.

The log holds every command's fact, so a lost or older Postgres is filled from it; the store holds every fact until and
after it is relayed, so a log that lost its end gets it again. Read `rebuild` first.
"""
