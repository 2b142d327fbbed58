"""Numbers, labels, marks and cards: how a result is written, wherever it is."""
