"""A real Postfix around the service, and what must hold then.

`postfix` and `service` are the two machines, `client` the outside world, tests/downstream.py the last hop.
Cases are readable files in `cases/`; the application that they meet is `app/`.
"""
