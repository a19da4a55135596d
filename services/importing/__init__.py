"""`trueup import`: sends a file of usage over HTTP, and goes on where an earlier run was interrupted."""
