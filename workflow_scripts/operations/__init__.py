"""Operations: what a run costs, how far it is, whether its files are whole, and what the cluster says."""
