"""Commands, their checks, and the facts they become. Pure: no clock, no ids made here, no I/O."""
