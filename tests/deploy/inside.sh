# Run by ../shared/pi/nspawn.sh beside a real systemd: inside.sh ARCHIVE [pytest's options]
export EDGE_INSTALL_TEST=$1
shift
exec .venv/bin/python -m pytest -p no:cacheprovider tests/deploy "$@"
