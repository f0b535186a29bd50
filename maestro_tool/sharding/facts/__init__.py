"""What the call paths say: who touches which entry, where keys lie, which packets get where; nothing is judged."""
