"""Programs that measure ratios: the pipeline against its floor, settlement's growth, a large bill run."""
