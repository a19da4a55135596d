"""Usage as the log has it, decoded fast and added up by day: the hot loop of every worker that folds it."""
