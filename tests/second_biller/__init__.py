"""A second, slow and plain biller, written from the rules alone; tests hold the product's settlement against it."""
