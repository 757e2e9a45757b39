"""What the three web faces share: secure defaults, staff sign-in, serving, and the look. It knows no program."""
