"""A trained run in the formats of other people's tools, each loaded again and compared before it is kept."""
