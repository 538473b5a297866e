"""How the programs are run, and what each is seen to need."""
