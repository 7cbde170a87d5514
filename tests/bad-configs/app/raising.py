raise RuntimeError("the database is down")
