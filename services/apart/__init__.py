"""Independent jobs, each in a process of its own: of this machine, and of others that assist it. Read `processes`
first.
"""
