"""Linear readouts of features, with penalties cross-validated on the labelled examples alone."""
