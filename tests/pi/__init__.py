"""The agent on an emulated Raspberry Pi, from the Debian package to its removal: `make pi-test`."""
