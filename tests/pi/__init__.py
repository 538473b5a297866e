"""The agent on an emulated Raspberry Pi, from the offline archive to its removal: `make pi-test`."""
