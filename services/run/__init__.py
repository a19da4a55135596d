"""How processes run: the `trueup` command, settings, log lines, `trueup up`; `stack` has Kafka and Postgres."""
