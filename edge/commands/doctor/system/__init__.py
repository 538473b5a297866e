"""What `doctor` asks the machine: programs, packages, users, networks. Nothing heavy is imported here."""
