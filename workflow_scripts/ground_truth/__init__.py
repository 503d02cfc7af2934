"""Ground truth: customized models and their samples, made shard by shard, so that who influenced what is known."""
