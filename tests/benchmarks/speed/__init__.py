"""The speed table: what is measured, how processes are timed, and the record that README's table is made of."""
