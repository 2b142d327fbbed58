"""A run as one page, a notebook, or tables: sections as data, pictures, files."""
