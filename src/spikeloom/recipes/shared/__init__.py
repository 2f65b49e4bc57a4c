"""What several recipes share: options, training, splits, converted networks."""
