"""What packets look like: header fields as NFs read them, and the classes NICs tell apart."""
