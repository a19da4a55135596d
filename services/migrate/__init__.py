"""`trueup migrate`: makes schema, roles, topics and first read models once, and checks them; begins `usage` anew on
request.
"""
