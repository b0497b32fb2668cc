"""Attacks over the network and over sockets of this machine."""

from __future__ import annotations

import socket

from zoo.sandbox.attacks.base import Attack, each, system, won


class ConnectTcp(Attack):
    """Connects to a server on this machine."""

    defence = "Landlock, seccomp"

    def strike(self) -> None:
        """A connection is a success."""
        socket.create_connection(("127.0.0.1", self.aims["tcp"]), timeout=2).sendall(b"hello")
        won("connected")


class ListenTcp(Attack):
    """Waits for connections, through which a partner could talk to it."""

    defence = "Landlock, seccomp"

    def strike(self) -> None:
        """A listening socket is a success."""
        server = socket.socket()
        server.bind(("127.0.0.1", 0))
        server.listen()
        won(server.getsockname())


class SendUdp(Attack):
    """Sends datagrams, which Landlock lets pass."""

    defence = "seccomp"

    def strike(self) -> None:
        """The stage hears them."""
        each(
            lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"hello", ("127.0.0.1", self.aims["udp"])),
            lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"hello", ("::1", self.aims["udp"])),
        )


class LocalSockets(Attack):
    """Talks to a socket with an abstract name and to one with a path."""

    defence = "Landlock, seccomp"

    def strike(self) -> None:
        """The stage hears it."""
        each(
            lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"hello", "\0" + self.aims["abstract"]),
            lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"hello", self.aims["socket"]),
        )


class OtherSockets(Attack):
    """Makes sockets of every other kind: raw, packets, the kernel's own, virtual machines', pairs."""

    defence = "seccomp"

    def strike(self) -> None:
        """Any socket is a success."""
        each(
            lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
            lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
            lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
            lambda: socket.socket(getattr(socket, "AF_VSOCK", 40), socket.SOCK_STREAM),
            lambda: socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET),
            socket.socketpair,
        )


class AskTheRing(Attack):
    """Asks the kernel for a ring, through which files and sockets are opened without system calls."""

    defence = "seccomp"

    def strike(self) -> None:
        """A ring is a success."""
        each(lambda: system(425, 4, bytes(120)))
