"""`trueup migrate`: schema, topics and first read models, made once and checked; `usage` begun anew on request."""
