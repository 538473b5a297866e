"""STAGE 2: one picture in, one score a label out."""
