# SPDX-License-Identifier: LGPL-2.1-or-later
# usage: drive-dbus.py DOMAIN NEW.xml
# Drives libvirt-dbus: the calls that cockpit-machines makes, on a domain that
# runs and on one that is new. Prints TAP.
import sys

from gi.repository import Gio, GLib

running, new_path = sys.argv[1:]
PATIENCE = 60000        # milliseconds, for whatever is waited for
CONFIG = 2              # VIR_DOMAIN_AFFECT_CONFIG
DEVICE = "<vmchannel type='null'><target port='601'/></vmchannel>"
bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)
number = 0


def check(name, good):
    global number
    number += 1
    print("%sok %d - %s" % ("" if good else "not ", number, name), flush=True)


def call(path, interface, method, arguments=None):
    return bus.call_sync("org.libvirt", path, interface, method, arguments, None,
                         Gio.DBusCallFlags.NONE, PATIENCE, None).unpack()


def connect(method, signature, *arguments):
    return call("/org/libvirt/QEMU", "org.libvirt.Connect", method,
                GLib.Variant(signature, arguments))[0]


def domain(path, method, signature, *arguments):
    return call(path, "org.libvirt.Domain", method, GLib.Variant(signature, arguments))


def xml(path, flags=0):
    return domain(path, "GetXMLDesc", "(u)", flags)[0]


def appears():
    """Waits for libvirt-dbus on the bus."""
    loop = GLib.MainLoop()
    watch = Gio.bus_watch_name_on_connection(bus, "org.libvirt", Gio.BusNameWatcherFlags.NONE,
                                             lambda *_: loop.quit(), None)
    GLib.timeout_add(PATIENCE, loop.quit)
    loop.run()
    Gio.bus_unwatch_name(watch)


appears()
events = []
bus.signal_subscribe("org.libvirt", "org.libvirt.Connect", "DomainEvent", None, None,
                     Gio.DBusSignalFlags.NONE, lambda *a: events.append(a[-1].unpack()[1:]))
path = connect("DomainLookupByName", "(s)", running)
check("list", path in connect("ListDomains", "(u)", 0))
check("XML of one that runs", "<vmchannel type='null'>" in xml(path))
check("XML of its configuration", "<vmchannel type='null'>" in xml(path, 2))
check("stats", domain(path, "GetStats", "(uu)", 0, 0)[0])
new = connect("DomainDefineXML", "(s)", open(new_path).read())
check("define", "<interface type='vmchannel'>" in xml(new))
domain(new, "AttachDevice", "(su)", DEVICE, CONFIG)
check("attach", "<target port='601'/>" in xml(new))
domain(new, "DetachDevice", "(su)", DEVICE, CONFIG)
check("detach", "<target port='601'/>" not in xml(new))
domain(new, "Create", "(u)", 0)
check("start", domain(new, "GetState", "(u)", 0)[0][0] == 1)
check("XML when it runs", "<vmchannel type='null'>" in xml(new))
domain(new, "Destroy", "(u)", 0)
domain(new, "Undefine", "(u)", 0)
check("stop and undefine", new not in connect("ListDomains", "(u)", 0))
while GLib.MainContext.default().iteration(False):
    pass
check("signals of all that", len(events) >= 3)
