# Run by ../shared/pi/nspawn.sh beside a real systemd: inside.sh PACKAGE
export EDGE_DEB_TEST=$1
exec .venv/bin/python -m pytest -p no:cacheprovider tests/debian
