# Run by ../shared/pi/nspawn.sh beside a real systemd: inside.sh PACKAGE
export EDGE_DEB_TEST=$1
rm -f /usr/sbin/policy-rc.d # of containers: it forbids packages to start and stop what they bring
exec .venv/bin/python -m pytest -p no:cacheprovider tests/debian
