app = "not an App"
