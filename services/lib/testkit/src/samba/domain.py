"""A domain controller for tests: Samba, in a root and namespaces of its own.

    domain.py provision     makes a domain in /home/domain
    domain.py serve         serves it over LDAP, on the socket /home/domain/private/ldapi

The network that Samba insists on is the loopback of a namespace that nobody else is in.
"""
import fcntl
import logging
import os
import socket
import struct
import sys

DOMAIN = "/home/domain"
SETTINGS = f"{DOMAIN}/etc/smb.conf"
NETWORK = {"interfaces": "127.0.0.1/8", "bind interfaces only": "yes"}
SET_FLAGS, IS_UP = 0x8914, 1


def loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as somewhere:
        fcntl.ioctl(somewhere, SET_FLAGS, struct.pack("16sh14x", b"lo", IS_UP))


def provision() -> None:
    from samba import dsdb
    from samba.auth import system_session
    from samba.param import LoadParm
    from samba.provision import provision

    settings = LoadParm()
    for name, value in NETWORK.items():
        settings.set(name, value)
    provision(
        logging.getLogger(), system_session(), smbconf=SETTINGS, targetdir=DOMAIN, lp=settings,
        realm="CITY.EXAMPLE", domain="CITY", hostname="dc", hostip="127.0.0.1", adminpass=sys.argv[2],
        serverrole="active directory domain controller", dom_for_fun_level=dsdb.DS_DOMAIN_FUNCTION_2008_R2,
        # Shared files have owners that a namespace with one user does not have.
        dns_backend="NONE", skip_sysvolacl=True,
    )


def serve() -> None:
    options = {**NETWORK, "server services": "ldap", "pid directory": DOMAIN, "log file": f"{DOMAIN}/log",
               "tls enabled": "no", "ldap server require strong auth": "no"}
    os.execv("/usr/sbin/samba", ["samba", "--foreground", "--model=single", "--no-process-group", "--configfile", SETTINGS,
                                 *(f"--option={name}={value}" for name, value in options.items())])


loopback()
{"provision": provision, "serve": serve}[sys.argv[1]]()
