"""What gives a classical point an interval or a p."""
