"""What a network is worth on photographs that it was not trained on, and how sure that is."""
