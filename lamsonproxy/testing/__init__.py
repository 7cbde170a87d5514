"""The test kit: an application in a world of its own, without Postfix, network or waiting (docs/testing.md).

    plugin          the pytest fixtures `world` and `correspondent`
    world           what a test holds: correspondents, what was sent, the clock
    correspondent   somebody who writes and reads mail
    letter          a mail as somebody gets it
    house           the service: engine, database, outbox and timers, in a thread
    downstream      what stands in Postfix's place
    log             the lines of the mail log
    writing         the mails of correspondents
    clock           the time, which tests move
    turning         an event loop in a thread

Law: everything that the service would do, the kit does with the service's own parts, and when a call returns it is
done: mail that handlers wrote has been sent, timers that are due have run. Only Postfix and the time are made up.
"""
