"""`trueup import`: a file of usage, sent over HTTP like everybody's, and gone on with where it was interrupted."""
