#!/usr/bin/env python3
"""A circuit for an HDLC, Frame Relay or ATM pseudowire: a simulator, and a beginning for programs that drive a card.

    circuit.py SOCKET KIND [--path PATH] [--echo]

SOCKET is the pseudowire's (`interface` in `prol2tp describe session`), KIND one of those below. Each line of standard
input is a frame to send, in hexadecimal; `flags HEX FRAME` sends one with flags (AAL5), `status HEX` tells the circuit's
status. What comes is printed in the same words. The messages stand in docs/pseudowires.md.
"""

import argparse
import contextlib
import os
import select
import socket
import struct
import sys
import tempfile

VERSION = 1
ATTACH, ATTACHED, REFUSED, DETACH, STATUS, KEEPALIVE, DATA = range(1, 8)
ACTIVE = 0x0001
REASONS = {1: "another program is attached", 2: "it speaks another version", 3: "its pseudowire is of another kind"}
KINDS = {
    "frameRelay": 0x0001,
    "atmAal5": 0x0002,
    "atmCellPort": 0x0003,
    "hdlc": 0x0006,
    "atmCellVcc": 0x0009,
    "atmCellVpc": 0x000A,
}
KEEPALIVE_SECONDS = 5
RETRY_SECONDS = 1
LONGEST_MESSAGE = 65536


class Circuit:
    def __init__(self, daemon, kind, path, echo):
        self.daemon, self.kind, self.echo = daemon, kind, echo
        self.attached = False
        self.status = ACTIVE
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)

    def send(self, message, value=0, body=b""):
        """Waits while the daemon is busy. Without a daemon, nothing is attached any more."""
        try:
            self.socket.sendto(struct.pack("!BBH", VERSION, message, value) + body, self.daemon)
        except OSError:
            self.lost("the daemon is gone")

    def tick(self):
        if self.attached:
            self.send(KEEPALIVE)
        else:
            self.send(ATTACH, self.status, struct.pack("!H", KINDS[self.kind]))

    def lost(self, why):
        if self.attached:
            say(f"detached: {why}")
        self.attached = False

    def hear(self):
        octets = self.socket.recv(LONGEST_MESSAGE)
        if len(octets) < 4:
            return
        version, message, value = struct.unpack("!BBH", octets[:4])
        frame = octets[4:]
        if version != VERSION:
            return
        if message == DATA:
            say(f"flags {value:02x} {frame.hex()}" if value else frame.hex())
            if self.echo:
                self.send(DATA, value, frame)
        elif message == ATTACHED:
            self.attached = True
            say(f"attached, peer {'active' if value & ACTIVE else 'not active'}")
        elif message == STATUS:
            say(f"peer {'active' if value & ACTIVE else 'not active'}")
        elif message == REFUSED:
            sys.exit(f"refused: {REASONS.get(value, value)}")
        elif message == DETACH:
            self.lost("the session has ended, or the daemon was started anew")

    def obey(self, line):
        words = line.split()
        try:
            if words[:1] == ["status"]:
                self.status = int(words[1], 16)
                self.send(STATUS, self.status)
            elif words[:1] == ["flags"]:
                self.send(DATA, int(words[1], 16), bytes.fromhex(words[2]))
            elif words:
                self.send(DATA, 0, bytes.fromhex(words[0]))
        except (IndexError, ValueError):
            print(f"not understood: {line}", file=sys.stderr)


def say(text):
    print(text, flush=True)


def run(circuit):
    """Until the end of the input; one that echoes reads none."""
    circuit.tick()
    unread = b""
    while True:
        reads_input = circuit.attached and not circuit.echo
        sources = [circuit.socket, sys.stdin] if reads_input else [circuit.socket]
        ready, _, _ = select.select(sources, [], [], KEEPALIVE_SECONDS if circuit.attached else RETRY_SECONDS)
        if not ready:
            circuit.tick()
        if circuit.socket in ready:
            circuit.hear()
        if sys.stdin in ready:
            octets = os.read(sys.stdin.fileno(), LONGEST_MESSAGE)
            *lines, unread = (unread + octets).split(b"\n")
            for line in lines:
                circuit.obey(line.decode("ascii", "replace"))
            if not octets:
                circuit.send(DETACH)
                return


def main():
    parser = argparse.ArgumentParser(description="A circuit for an HDLC, Frame Relay or ATM pseudowire.")
    parser.add_argument("socket", help="the pseudowire's socket")
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--path", help="of our own socket")
    parser.add_argument("--echo", action="store_true", help="send back what comes, and read no input")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        circuit = Circuit(options.socket, options.kind, options.path or os.path.join(directory, "circuit"), options.echo)
        run(circuit)


if __name__ == "__main__":
    main()
