"""install.sh, the units and deploy.sh, done to a machine that may be spoilt: see test_installation.py."""
