"""What one image tells: its lattice, columns, spectrum, errors of the scan, conditions."""
