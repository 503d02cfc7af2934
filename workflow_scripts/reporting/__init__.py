"""What people look at: the table of all cells, figures, the gallery and the page that holds them together."""
