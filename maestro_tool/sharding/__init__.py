"""Call paths -> which packets must meet on one core, and how each state object is treated."""
