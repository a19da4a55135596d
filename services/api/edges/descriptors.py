"""How many connections the host lets this process hold: each is an open file to it."""

import resource

#: Files that are open besides: Kafka, Postgres, the listening socket, Python's own.
OTHERS = 200


def room_for(connections: int) -> int:
    """So many connections, or as many as the host allows; what it gives for the asking is asked for."""
    wanted = connections + OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return connections if soft == resource.RLIM_INFINITY else max(1, min(connections, soft - OTHERS))
