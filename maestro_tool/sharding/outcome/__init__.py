"""What follows: a treatment for each object, hints for the runtime, and, last of all, words."""
