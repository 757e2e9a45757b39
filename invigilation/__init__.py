"""The room console: what happens at the desks, as it happens, and the orders that an invigilator gives."""
