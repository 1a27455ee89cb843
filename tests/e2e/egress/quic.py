"""QUIC by aioquic: `server ADDRESS PORT` says back what a stream says, and `client HOST PORT NAME [VERSION]` asks for it."""

import asyncio
import datetime
import sys

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StreamDataReceived
from aioquic.quic.packet import QuicProtocolVersion
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PROTOCOLS = ["echo"]


class Echo(QuicConnectionProtocol):
    def quic_event_received(self, event):
        if isinstance(event, StreamDataReceived):
            self._quic.send_stream_data(event.stream_id, b"echo of " + event.data, end_stream=True)
            self.transmit()


class Client(QuicConnectionProtocol):
    reason = None

    def quic_event_received(self, event):
        super().quic_event_received(event)
        if isinstance(event, ConnectionTerminated):
            Client.reason = f"error {event.error_code}: {event.reason_phrase}"


def certificate():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a.test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
    return builder.not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256()), key


async def server(address, port):
    own, key = certificate()
    configuration = QuicConfiguration(
        is_client=False, alpn_protocols=PROTOCOLS, certificate=own, private_key=key
    )
    await serve(address, int(port), configuration=configuration, create_protocol=Echo, retry=True)
    print("listening", flush=True)
    await asyncio.Event().wait()


async def client(host, port, name, version="VERSION_1"):
    configuration = QuicConfiguration(is_client=True, alpn_protocols=PROTOCOLS, server_name=name, verify_mode=0)
    configuration.original_version = QuicProtocolVersion[version].value
    configuration.supported_versions = [configuration.original_version]
    configuration.idle_timeout = 20
    try:
        async with connect(host, int(port), configuration=configuration, create_protocol=Client) as connection:
            reader, writer = await connection.create_stream()
            writer.write(b"x" * 5)
            writer.write_eof()
            print("answer:", (await reader.read()).decode())
    except ConnectionError:
        print("refused:", Client.reason)


asyncio.run(globals()[sys.argv[1]](*sys.argv[2:]))
