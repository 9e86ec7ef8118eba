"""A mail server for tests: aiosmtpd, which writes every message it takes as one line of JSON.

    mail_server.py MESSAGES SWITCHES

It listens on a free port of 127.0.0.1 and prints it. SWITCHES is a file of JSON that is read at every message;
a change of it starts its counts anew:

    later         so many messages are answered 451
    refuse        these addresses are answered 550
    lose          so many connections drop after the message came, which is not taken
    drop_before   so many connections drop after the message was taken, before the answer
    drop_after    so many connections drop after the answer
"""
import asyncio
import email
import email.policy
import json
import pathlib
import sys

from aiosmtpd.smtp import SMTP


class Handler:
    def __init__(self, messages: pathlib.Path, switches: pathlib.Path) -> None:
        self.messages = messages
        self.switches = switches
        self.read = ""
        self.left: dict = {}

    def look(self) -> None:
        text = self.switches.read_text(encoding="utf-8")
        if text != self.read:
            self.read = text
            self.left = json.loads(text)

    def take(self, switch: str) -> bool:
        """Returns whether a switch holds, and counts it."""
        if self.left.get(switch, 0) < 1:
            return False
        self.left[switch] -= 1
        return True

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.look()
        if address in self.left.get("refuse", []):
            return f"550 5.1.1 <{address}> is not known here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.look()
        if self.take("later"):
            return "451 4.3.0 try again later"
        if self.take("lose"):
            server.transport.abort()
            return "250 OK"
        self.write(envelope)
        if self.take("drop_before"):
            server.transport.abort()
        elif self.take("drop_after"):
            asyncio.get_running_loop().call_soon(server.transport.close)
        return "250 OK"

    def write(self, envelope) -> None:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        line = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "message_id": str(message["Message-ID"]),
            "subject": str(message["Subject"]),
            "headers": sorted({name.lower() for name in message.keys()}),
            "text": message.get_body(("plain",)).get_content(),
            "html": message.get_body(("html",)).get_content(),
        }
        with self.messages.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


async def main() -> None:
    handler = Handler(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, enable_SMTPUTF8=True), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
