"""The Debian package, on a machine that may be spoilt: see test_package.py."""
