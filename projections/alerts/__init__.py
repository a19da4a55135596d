"""What the rules of an organization find in what is settled: which of them hold, of what, since which arming. Pure: the
same settlement, rules and alerts that were raised give the same that are to be raised, whoever asks (decision 33)."""
