"""The application that the integration tests meet: one behaviour for each address of app.test."""
