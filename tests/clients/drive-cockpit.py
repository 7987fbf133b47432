# SPDX-License-Identifier: LGPL-2.1-or-later
# usage: drive-cockpit.py URL DOMAIN SHOTS PROFILE
# Drives cockpit-machines in a headless Chromium as a person does: every click is
# on what the page shows. What became of it is asked of libvirt. Prints TAP;
# leaves a picture of each step in the folder SHOTS.
import os
import re
import sys

import libvirt
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

url, name, shots, profile = sys.argv[1:]
PATIENCE = 120          # seconds, for whatever is waited for
conn = libvirt.open("qemu:///system")
number = 0

options = webdriver.ChromeOptions()
options.binary_location = "/usr/bin/chromium"
for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update",
                 "--disable-sync", "--disable-dev-shm-usage", "--window-size=1280,1000",
                 "--user-data-dir=" + profile):
    options.add_argument(argument)
driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


def wait(condition):
    return WebDriverWait(driver, PATIENCE).until(lambda _: condition())


def shown(selector):
    """The first element of the page that is shown; None when there is none."""
    for element in driver.find_elements(By.CSS_SELECTOR, selector):
        if element.is_displayed():
            return element
    return None


def click(selector):
    wait(lambda: shown(selector) and shown(selector).is_enabled())
    shown(selector).click()


def xml(flags=0):
    return conn.lookupByName(name).XMLDesc(flags)


def devices():
    """What is to stay intact: the channels and the NIC's MAC address."""
    text = xml(libvirt.VIR_DOMAIN_XML_INACTIVE)
    return (re.findall("<vmchannel .*?</vmchannel>", text, re.S),
            re.findall("<interface type='vmchannel'>.*?</interface>", text, re.S))


def step(what, action):
    """One check; the next ones stand on it, so a failure is the end."""
    global number
    number += 1
    try:
        action()
        if devices() != KEPT:
            raise AssertionError("not intact: %r" % (devices(),))
        good = True
    except Exception as error:
        good = False
        print("#", repr(error).replace("\n", " ")[:300])
    print("%sok %d - %s" % ("" if good else "not ", number, what), flush=True)
    driver.save_screenshot(os.path.join(
        shots, "%02d-%s.png" % (number, re.sub("[^a-z]+", "-", what.lower()).strip("-"))))
    if not good:
        with open(os.path.join(shots, "page.html"), "w") as page:
            page.write(driver.page_source)
        driver.quit()
        sys.exit(1)


KEPT = devices()
# As cockpit-machines names the parts of a domain's page, and what acts on it.
PAGE = "#vm-%s" % name
VM = PAGE + "-system"


def listed():
    driver.get(url)
    click("#ignore-hw-virtualization-disabled-btn")     # on a host without KVM
    wait(lambda: shown(VM + "-state"))


def state(text):
    wait(lambda: shown(VM + "-state") and text in shown(VM + "-state").text)


def start():
    click(VM + "-run")
    wait(lambda: conn.lookupByName(name).isActive())
    state("Running")


def stop():
    click(VM + "-action-kebab button")
    click(VM + "-forceOff")
    wait(lambda: not conn.lookupByName(name).isActive())
    state("Shut off")


def details():
    driver.get(url + "#vm?name=%s&connection=system" % name)
    wait(lambda: shown(PAGE + "-memory-count"))


def nic():
    mac = re.search("mac address='([^']*)'", KEPT[1][0]).group(1)
    cell = wait(lambda: shown("[id^=vm-%s-network-1-mac]" % name))
    driver.execute_script("arguments[0].scrollIntoView()", cell)
    wait(lambda: mac in shown("[id^=vm-%s-network-1-mac]" % name).text)


def memory():
    click(PAGE + "-memory-count button")
    modal = PAGE + "-memory-modal"
    field = wait(lambda: shown(modal + "-memory input") or shown("input" + modal + "-memory"))
    field.send_keys(Keys.CONTROL + "a")
    field.send_keys("200" + Keys.TAB)
    click(modal + "-save")
    wait(lambda: "<currentMemory unit='KiB'>204800<" in xml())


step("listed", listed)
step("its page", details)
step("the NIC is among its interfaces", nic)
step("memory changed in the form", memory)
step("started", start)
step("stopped", stop)
driver.quit()
