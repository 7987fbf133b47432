# SPDX-License-Identifier: LGPL-2.1-or-later
# usage: drive-python.py URI DOMAIN.xml POOLDIR
# Drives python3-libvirt: what a program that uses libvirt's library does, from
# two connections at once. Prints TAP.
import sys
import threading

import libvirt

uri, path, pool_dir = sys.argv[1:]
CHANNEL = "<vmchannel type='null'><target port='%d'/></vmchannel>"
number = 0


def check(name, good):
    global number
    number += 1
    print("%sok %d - %s" % ("" if good else "not ", number, name), flush=True)


def refused(call, *arguments):
    """The error that a call ends with; None when there is none."""
    try:
        call(*arguments)
    except libvirt.libvirtError as error:
        return error
    return None


def event_loop():
    while True:
        libvirt.virEventRunDefaultImpl()


libvirt.registerErrorHandler(lambda *_: None, None)
libvirt.virEventRegisterDefaultImpl()
threading.Thread(target=event_loop, daemon=True).start()

one, two = libvirt.open(uri), libvirt.open(uri)
check("two connections", one.isAlive() and two.isAlive())

seen = []
arrived = threading.Condition()


def lifecycle(_conn, domain, event, _detail, _opaque):
    with arrived:
        seen.append((domain.name(), event))
        arrived.notify()


def wait_for(event):
    with arrived:
        return arrived.wait_for(lambda: ("python", event) in seen, 60)


two.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lifecycle, None)
domain = one.defineXML(open(path).read())
check("define", domain.isPersistent())
check("an event on the other connection", wait_for(libvirt.VIR_DOMAIN_EVENT_DEFINED))
other = two.lookupByName("python")
check("XMLDesc", "<target port='600'/>" in domain.XMLDesc())
check("XMLDesc, the same on both",
      domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) == other.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))

config = libvirt.VIR_DOMAIN_AFFECT_CONFIG
domain.attachDeviceFlags(CHANNEL % 601, config)
check("attach on one, seen on the other", "<target port='601'/>" in other.XMLDesc())
error = refused(other.attachDeviceFlags, CHANNEL % 601, config)
check("the same again is refused", error and "601" in error.get_error_message())
other.detachDeviceFlags(CHANNEL % 601, config)
check("detach on the other", "<target port='601'/>" not in domain.XMLDesc())
error = refused(one.defineXML, "<domain type='qemu'><name>bad</name><devices>%s</devices></domain>"
                % (CHANNEL % 0))
check("an error of ours has libvirt's code and domain",
      error and (error.get_error_code(), error.get_error_domain()) ==
      (libvirt.VIR_ERR_XML_ERROR, libvirt.VIR_FROM_DOMAIN))

domain.create()
check("start", wait_for(libvirt.VIR_DOMAIN_EVENT_STARTED))
check("live XML", "<target port='600'" in other.XMLDesc() and other.isActive())

# Both connections write and read at the same time, each its own volume.
pool = one.storagePoolCreateXML(
    "<pool type='dir'><name>python</name><target><path>%s</path></target></pool>" % pool_dir)
DATA = bytes(range(256)) * 4096


def there_and_back(conn, name, results):
    volume = conn.storagePoolLookupByName("python").createXML(
        "<volume><name>%s</name><capacity>%d</capacity></volume>" % (name, len(DATA)))
    up = conn.newStream()
    volume.upload(up, 0, len(DATA))
    up.sendAll(lambda _stream, count, state: state.read(count), Reader())
    up.finish()
    down = conn.newStream()
    got = bytearray()
    volume.download(down, 0, len(DATA))
    down.recvAll(lambda _stream, data, buffer: buffer.extend(data), got)
    down.finish()
    results.append(bytes(got) == DATA)


class Reader:
    def __init__(self):
        self.rest = DATA

    def read(self, count):
        piece, self.rest = self.rest[:count], self.rest[count:]
        return piece


results = []
threads = [threading.Thread(target=there_and_back, args=(conn, name, results))
           for conn, name in ((one, "one"), (two, "two"))]
for thread in threads:
    thread.start()
xml = [domain.XMLDesc() for _ in range(20)]
for thread in threads:
    thread.join()
check("streams of 1 MiB on both at once, there and back", results == [True, True])
check("XMLDesc meanwhile", all("<target port='600'" in text for text in xml))
pool.destroy()

domain.destroy()
check("stop", wait_for(libvirt.VIR_DOMAIN_EVENT_STOPPED))
domain.undefine()
check("undefine", wait_for(libvirt.VIR_DOMAIN_EVENT_UNDEFINED))
error = refused(two.lookupByName, "python")
check("is gone", error and error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN)
