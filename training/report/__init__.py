"""The report stage: what a run was worth and why, as one page for a person."""
