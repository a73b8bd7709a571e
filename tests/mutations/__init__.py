"""Files that the product reads back, changed at random: our errors alone, and no changed byte
taken for whole where a digest guards. `python -m tests.mutations --count 10000` tries more."""
