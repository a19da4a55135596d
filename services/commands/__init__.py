"""Commands, what they are checked against, and the facts they become. Pure: no clock, no ids made here, no I/O."""
