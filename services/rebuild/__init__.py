"""`trueup rebuild-store`: makes the event store and the log agree again, after either has lost something.

The log holds every command's fact, so a lost or older Postgres is filled from it. The store holds every fact until and
after it is relayed, so a log that lost its end gets it again. Read `rebuild` first.
"""
