"""Files that a power cut leaves whole. The one place that knows the order of the steps for it."""
