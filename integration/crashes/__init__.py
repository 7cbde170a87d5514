"""What dies on purpose: an application that leaves traces, a place to start it from, and a ledger of it all."""
