"""Model files and photographs that tests are made of."""
