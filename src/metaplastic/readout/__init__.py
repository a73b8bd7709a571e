"""Linear readouts of features, their penalties chosen by cross-validation on the labels alone."""
