"""fastenv: the environment you have here, on every node of the cluster, exactly."""
