"""The supervisor and its workers: processes started, watched, replaced and drained.

    supervisor  binds the sockets, starts workers, serves the status page; never imports the application
      ├── worker 0   a fresh interpreter: the application, the doors, the relay (lamsonproxy.service)
      └── worker 1   accepts from the same sockets

Law: the supervisor runs nobody's code but ours, so nothing that a handler does can stop it. A worker that
ends takes no mail with it: what it had not answered, Postfix still has.
"""
