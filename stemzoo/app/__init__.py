"""The page: drop an image, correct what was found, adapt to the microscope, take the report.

A door beside the command line: what it does, the rooms below do. ``python -m stemzoo.app`` starts
it, and so does ``stemzoo app``.
"""
