"""Reading an environment: from an interpreter to an Inventory."""
