"""What every process of the desk shares: settings, local sockets, its life and its clock."""
