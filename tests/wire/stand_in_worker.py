"""A worker for tests of the supervisor: no mail, but sockets, beats and every kind of misfortune.

It answers each connection with one line, `<app> <pid> <number>`, after doing what the client's line asks for:
`hello`, `die`, `stall` (no more beats), `use up`, or `deaf` (from then on SIGTERM is ignored). An application
`fails:app` fails at the start with two sentences, `dies:app` without a word, and `sleeps:app` is never ready.
Of `first:app` only the first worker is ever ready, and of `once:app` none while the file `started` is there.
Who has sat where stands in the files `seat-N`.
"""

import json
import os
import select
import signal
import socket
import sys
import time
from typing import Any

BEAT_S = 0.2


class StandIn:
    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        assignment = json.loads(channel.makefile("rb").readline())
        self.app = assignment["settings"]["app"]
        self.number = assignment["number"]
        with open(f"seat-{assignment['seat']}", "a") as sitters:
            sitters.write(f"{os.getpid()}\n")
        self.listening = [socket.socket(fileno=number) for number in assignment["sockets"].values()]
        self.is_used_up = self.is_stalled = self.is_leaving = False

    def say(self, **event: Any) -> None:
        self.channel.sendall(json.dumps(event).encode() + b"\n")

    def leave(self, *_: object) -> None:
        self.is_leaving = True

    def start(self) -> None:
        signal.signal(signal.SIGTERM, self.leave)
        if self.app == "fails:app":
            self.say(event="failed", problems=["The database is down.", "The moon is full."])
        if self.app in ("fails:app", "dies:app"):
            sys.exit(3)
        if self.app == "sleeps:app":
            signal.pause()
        if self.app == "first:app" and self.number:
            signal.pause()
        if self.app == "once:app":
            try:
                open("started", "x").close()
            except FileExistsError:
                sys.exit(3)
        self.say(event="ready")

    def serve(self) -> None:
        beat_at = time.monotonic()
        while not self.is_leaving:
            for listening in select.select(self.listening, (), (), BEAT_S)[0]:
                self.accept(listening)
            if time.monotonic() >= beat_at and not self.is_stalled:
                self.say(event="beat", lag=0.0, stuck=0, used_up=self.is_used_up)
                beat_at += BEAT_S

    def accept(self, listening: socket.socket) -> None:
        try:
            client, _ = listening.accept()
        except BlockingIOError:  # Another worker was faster.
            return
        with client, client.makefile("rw") as stream:
            self.obey(stream.readline().strip())
            stream.write(f"{self.app} {os.getpid()} {self.number}\n")

    def obey(self, words: str) -> None:
        if words == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif words == "stall":
            self.is_stalled = True
        elif words == "use up":
            self.is_used_up = True
        elif words == "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)


stand_in = StandIn(socket.socket(fileno=int(sys.argv[1])))
stand_in.start()
stand_in.serve()
