# SPDX-License-Identifier: LGPL-2.1-or-later
# usage: drive-manager.py URI DOMAIN SHOTS [FLOW...]
# Drives virt-manager as a person does, through the accessibility bus of the X
# session it runs in: every click is on a widget that is shown. What became of
# it is asked of libvirt, by another connection to URI. With FLOW, files that
# the guest writes to through its channels, it is seen that bytes arrive, and
# more is tried. Prints TAP; leaves a picture of each step in the folder SHOTS.
import os
import re
import subprocess
import sys
import time

import gi
import libvirt

gi.require_version("Gdk", "3.0")
import pyatspi  # noqa: E402
from gi.repository import Gdk  # noqa: E402

URI, NAME, SHOTS = sys.argv[1:4]
FLOWS = sys.argv[4:]
PATIENCE = 120          # seconds, for whatever is waited for


class Failed(Exception):
    pass


def wait(what, condition):
    """What `condition` returns, once it is true."""
    end = time.monotonic() + PATIENCE
    said = ""
    while time.monotonic() < end:
        try:
            result = condition()
            if result:
                return result
        except Exception as error:   # a widget that went while it was looked at
            said = " (%r)" % error
        time.sleep(0.05)
    raise Failed("waited in vain for " + what + said)


# Widgets

def walk(node):
    for child in node:
        if child and child.getState().contains(pyatspi.STATE_SHOWING):
            yield child
            yield from walk(child)


def is_a(node, role):
    """Roles have their numbers for good; the names that they print have changed."""
    return node.getRole() == getattr(pyatspi, "ROLE_" + role.upper().replace(" ", "_"))


class Window:
    """A top-level window of virt-manager's, found by the start of its title."""

    def __init__(self, title):
        self.node = wait("window " + title, lambda: next(
            frame for app in pyatspi.Registry.getDesktop(0) if app and app.name == "virt-manager"
            for frame in app if frame and frame.name.startswith(title) and
            frame.getState().contains(pyatspi.STATE_SHOWING)))

    def find(self, role, name, inside=None):
        return wait("%s '%s'" % (role, name), lambda: next(
            node for node in walk(inside or self.node)
            if is_a(node, role) and re.fullmatch(name, node.name)))

    def click(self, role, name):
        node = self.find(role, name)
        wait("'%s' to be sensitive" % name,
             lambda: node.getState().contains(pyatspi.STATE_SENSITIVE))
        node.queryAction().doAction(0)
        return node

    def row(self, name):
        """Selects the row of a list that starts with @name."""
        def select():
            for table in walk(self.node):
                if not (is_a(table, "table") or is_a(table, "tree table")):
                    continue
                rows = table.queryTable()
                for number in range(rows.nRows):
                    cell = rows.getAccessibleAt(number, 0)
                    if any(node.name.startswith(name) for node in [cell, *cell]):
                        # False from one that is selected already.
                        rows.addRowSelection(number)
                        return True
        wait("a row " + name, select)

    def rows(self):
        return [node.name for node in walk(self.node) if is_a(node, "table cell")]

    def tab(self, name):
        def select():
            for tabs in walk(self.node):
                if is_a(tabs, "page tab list"):
                    for number, page in enumerate(tabs):
                        if page.name == name:
                            return tabs.querySelection().selectChild(number)
        wait("a tab " + name, select)

    def editor(self):
        """The text widget of the XML tab, once it shows a whole domain."""
        return wait("an XML editor", lambda: next(
            node for node in walk(self.node) if is_a(node, "text") and
            node.queryText().getText(0, 7) == "<domain"))

    def gone(self):
        wait("'%s' to close" % self.node.name,
             lambda: not self.node.getState().contains(pyatspi.STATE_SHOWING))


# What libvirt says

conn = libvirt.open(URI)
libvirt.registerErrorHandler(lambda *_: None, None)
KEPT = ["<interface type='vmchannel'>"]
PORT = "<target port='%d'"      # what follows differs while it runs
configuration = libvirt.VIR_DOMAIN_XML_INACTIVE


def xml(flags=0):
    return conn.lookupByName(NAME).XMLDesc(flags)


def wait_for_xml(*texts, flags=configuration, absent=()):
    """The XML, once it holds all of @texts and what is to stay intact."""
    def check():
        text = xml(flags)
        return (all(part in text for part in [*texts, *KEPT]) and
                not any(part in text for part in absent) and text)
    return wait("XML with " + " ".join(texts), check)


def mac():
    return re.search("<interface type='vmchannel'>\\s*<mac address='([^']*)'", xml()).group(1)


def flow():
    for path in FLOWS:
        before = os.stat(path).st_size
        wait("bytes in " + path, lambda: os.stat(path).st_size > before)


# TAP

number = 0


def shoot(name):
    root = Gdk.get_default_root_window()
    picture = Gdk.pixbuf_get_from_window(root, 0, 0, root.get_width(), root.get_height())
    file = "%02d-%s.png" % (number, re.sub("[^a-z]+", "-", name.lower()).strip("-"))
    picture.savev(os.path.join(SHOTS, file), "png", [], [])


def step(name, action):
    """One check; the next ones stand on it, so a failure is the end."""
    global number
    number += 1
    try:
        action()
        if KEPT_MAC and mac() != KEPT_MAC:
            raise Failed("the NIC's MAC address changed to " + mac())
    except Exception as error:
        print("not ok %d - %s" % (number, name))
        print("#", repr(error).replace("\n", " "), flush=True)
        shoot(name)
        sys.exit(1)
    shoot(name)
    print("ok %d - %s" % (number, name), flush=True)


KEPT_MAC = None
manager = subprocess.Popen(
    ["virt-manager", "--no-fork", "--debug", "--connect", URI],
    stdout=open(os.path.join(SHOTS, "virt-manager.log"), "w"), stderr=subprocess.STDOUT)
details = None


def connect():
    Window("Virtual Machine Manager").row(NAME)


def open_domain():
    global details
    main = Window("Virtual Machine Manager")
    main.row(NAME)
    main.click("push button", "Open")
    details = Window(NAME + " on ")
    details.click("radio button", "Details")


def listed():
    details.row("NIC :" + mac()[-8:])
    details.find("panel", "Virtual Network Interface")
    # The source is the element's type, with a capital.
    details.find("combo box", "net-source")


def guestfwd():
    details.row("Channel ")
    details.find("label", "guestfwd")


def quoted(text):
    """As virt-manager writes XML."""
    return text.replace("'", '"')


def xml_tab():
    details.row("Overview")
    details.tab("XML")
    editor = details.editor().queryText()
    text = editor.getText(0, -1)
    for part in KEPT:
        if quoted(part) not in text:
            raise Failed(part + " not in the XML tab")
    editor.setCaretOffset(text.index("</vmchannel>"))


def apply():
    button = details.click("push button", "config-apply")
    wait("the changes to be applied",
         lambda: not button.getState().contains(pyatspi.STATE_SENSITIVE))


def xml_edit(old, new):
    xml_tab()
    editor = details.editor()
    text = editor.queryText().getText(0, -1)
    editor.queryEditableText().setTextContents(text.replace(quoted(old), quoted(new)))
    # The caret goes to the second line when virt-manager has read what libvirt
    # made of it. Left before that, the tab would ask about unapplied changes.
    editor.queryText().setCaretOffset(0)
    apply()
    wait("the editor to be filled again", lambda: editor.queryText().caretOffset > 0)
    wait_for_xml(new, absent=[old])
    details.tab("Details")


def edit_channel():
    KEPT.remove(PORT % 601)
    xml_edit(PORT % 601, PORT % 602)
    KEPT.append(PORT % 602)


def edit_running():
    """Of a domain that runs, the configuration is changed; virt-manager says so."""
    KEPT.remove(PORT % 602)
    xml_edit(PORT % 602, PORT % 603)
    KEPT.append(PORT % 603)
    Window("vmm dialog").click("push button", "Close|OK")


def memory(mebibytes):
    details.row("Memory")
    details.tab("Details")
    field = details.find("spin button", "Memory Select")
    field.queryEditableText().setTextContents(str(mebibytes))
    # Leaving the field is what makes its text count.
    details.find("spin button", "Max(imum)? Memory Select").queryComponent().grabFocus()
    apply()
    wait_for_xml("<currentMemory unit='KiB'>%d</currentMemory>" % (mebibytes * 1024))


def add(kind, element, flags=configuration):
    details.click("push button", "add-hardware")
    dialog = Window("Add New Virtual Hardware")
    dialog.row(kind)
    dialog.click("push button", "Finish")
    dialog.gone()
    wait_for_xml(element, flags=flags)


def remove(row, element):
    details.row(row)
    details.click("push button", "config-remove")
    wait_for_xml(absent=[element])


def remove_nic():
    """Removed while it carries channels, a new one appears, as for a domain without."""
    global KEPT_MAC
    log = os.path.join(SHOTS, "virt-manager.log")
    event = "state=VIR_DOMAIN_EVENT_DEFINED"
    before = open(log).read().count(event)
    details.row("NIC :" + mac()[-8:])
    details.click("push button", "config-remove")
    wait("a new definition", lambda: open(log).read().count(event) > before)
    wait_for_xml()
    KEPT_MAC = mac()
    listed()


def running(state):
    wait("the domain to be %s" % ("running" if state else "off"),
         lambda: conn.lookupByName(NAME).isActive() == state)


def start():
    details.click("push button", "Run")
    running(True)
    wait_for_xml(flags=0)
    flow()


def console():
    details.click("radio button", "Console")
    wait("the graphical console", lambda: "Viewer connected" in
         open(os.path.join(SHOTS, "virt-manager.log")).read())


def details_page():
    details.click("radio button", "Details")
    details.row("Overview")


def pause():
    details.click("toggle button", "Pause")
    wait("a paused domain", lambda: conn.lookupByName(NAME).state()[0] == libvirt.VIR_DOMAIN_PAUSED)
    details.click("toggle button", "Pause")
    wait("a running domain", lambda: conn.lookupByName(NAME).state()[0] == libvirt.VIR_DOMAIN_RUNNING)
    flow()


def stop():
    details.click("menu", "Virtual Machine")
    details.click("menu", "Shut Down")
    details.click("menu item", "Force Off")
    running(False)
    wait_for_xml()


def delete():
    details.click("menu", "Virtual Machine")
    details.click("menu item", "Delete.*")
    dialog = Window("Delete")
    storage = dialog.find("check box", "Delete associated storage files")
    if storage.getState().contains(pyatspi.STATE_CHECKED):
        storage.queryAction().doAction(0)
    dialog.click("push button", "Delete")
    def is_gone():
        return NAME not in [domain.name() for domain in conn.listAllDomains()]
    wait("the domain to be gone", is_gone)


KEPT += re.findall("<target port='[0-9]*'(?=/>\\s*</vmchannel>)", xml())
KEPT += re.findall("<target type='guestfwd'[^/>]*", xml())
step("connect, by ?socket=", connect)
step("open the domain", open_domain)
KEPT_MAC = mac()
step("the NIC is in the hardware list", listed)
step("the guestfwd channel is in the hardware list", guestfwd)
step("<vmchannel> is in the XML tab", xml_tab)
step("a channel changed in the XML editor", edit_channel)
step("memory changed in the form", lambda: memory(200))
if FLOWS:
    step("hardware added", lambda: add("Watchdog", "<watchdog "))
    step("hardware removed", lambda: remove("Watchdog", "<watchdog "))
    step("the NIC removed, which appears again", remove_nic)
step("start; bytes flow" if FLOWS else "start", start)
if FLOWS:
    step("the graphical console", console)
    step("back to the details", details_page)
    step("hardware added to the running domain", lambda: add("RNG", "<rng ", flags=0))
    step("bytes flow", flow)
    step("a channel changed while it runs", edit_running)
    step("pause and resume; bytes flow", pause)
step("stop", stop)
if FLOWS:
    step("start again; bytes flow", start)
    step("stop again", stop)
KEPT_MAC = None
step("delete", delete)
manager.terminate()
manager.wait()
