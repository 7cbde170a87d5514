"""One worker: everything wired together, started, run and stopped. The only floor that knows everybody.

settings    the settings, as each part wants them
templates   the application's templates
desks       the engine behind the doors
service     the parts of one worker
serving     its life
"""
