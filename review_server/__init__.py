"""The review server: takes facts and recordings from the desks, and shows them to the people who decide."""
