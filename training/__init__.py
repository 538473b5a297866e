"""The workstation: folders of photographs in, one proven model file out."""
