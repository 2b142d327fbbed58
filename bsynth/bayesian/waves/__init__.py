"""Treated units that start at different times: their own fits, and effects pooled over them."""
