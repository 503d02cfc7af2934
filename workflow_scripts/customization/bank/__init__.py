"""Many customized models on one frozen network: training, sampling, compression, exchange with diffusers."""
