/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs shell commands in the test guest for the host, several at once. It says
 * READY on its virtio-serial port (without one: on ttyS1), then takes requests
 * "ID LENGTH\n" followed by the command, and answers each at its end with
 * "ID STATUS LENGTH\n" and what it printed. A LENGTH of -1 kills command ID.
 */
#include <config.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define PORT_NAME "vmchannel.test"
#define MAX_JOBS 16
#define MAX_OUTPUT (256 * 1024)
#define MAX_COMMAND (64 * 1024)

typedef struct {
    int id;
    pid_t pid;
    int fd;             /* its stdout and stderr; -1: a free slot */
    char *output;
    size_t len;
} job;

static job jobs[MAX_JOBS];
static int host = -1;

static void
die(const char *what)
{
    perror(what);
    exit(1);
}

/* The port's file in /dev, or NULL when there is none of our name. */
static char *
findPort(void)
{
    DIR *dir = opendir("/sys/class/virtio-ports");
    static char dev[300];
    struct dirent *entry;
    char *found = NULL;

    while (dir && !found && (entry = readdir(dir))) {
        char path[400], name[64] = "";
        FILE *file;

        snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry->d_name);
        file = fopen(path, "r");
        if (!file)
            continue;
        if (fgets(name, sizeof(name), file) && strcmp(name, PORT_NAME "\n") == 0) {
            snprintf(dev, sizeof(dev), "/dev/%s", entry->d_name);
            found = dev;
        }
        fclose(file);
    }
    if (dir)
        closedir(dir);
    return found;
}

static int
openHost(void)
{
    const char *port = findPort();
    struct termios raw;
    int fd = open(port ? port : "/dev/ttyS1", O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        die(port ? port : "/dev/ttyS1");
    if (tcgetattr(fd, &raw) == 0) {
        cfmakeraw(&raw);
        tcsetattr(fd, TCSANOW, &raw);
    }
    return fd;
}

static void
writeAll(const char *buf, size_t len)
{
    while (len > 0) {
        ssize_t n = write(host, buf, len);

        if (n <= 0)
            die("write to the host");
        buf += n;
        len -= (size_t)n;
    }
}

static void
readAll(char *buf, size_t len)
{
    while (len > 0) {
        ssize_t n = read(host, buf, len);

        if (n < 0)
            die("read from the host");
        if (n == 0) {
            /* The host's side is not connected: wait for it. */
            usleep(10000);
            continue;
        }
        buf += n;
        len -= (size_t)n;
    }
}

static void
answer(int id, int status, const char *output, size_t len)
{
    char line[64];

    snprintf(line, sizeof(line), "%d %d %zu\n", id, status, len);
    writeAll(line, strlen(line));
    writeAll(output, len);
}

static job *
findJob(int id, int fdWanted)
{
    for (int i = 0; i < MAX_JOBS; i++) {
        if (fdWanted ? jobs[i].fd >= 0 && jobs[i].id == id : jobs[i].fd < 0)
            return &jobs[i];
    }
    return NULL;
}

static void
runChild(char *command, int out)
{
    int null = open("/dev/null", O_RDONLY);

    setsid();
    dup2(null, 0);
    dup2(out, 1);
    dup2(out, 2);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static void
startJob(int id, char *command)
{
    job *slot = findJob(0, 0);
    int fds[2];

    if (!slot || pipe2(fds, O_CLOEXEC) < 0) {
        static const char text[] = "agent: too many commands\n";

        answer(id, 126, text, sizeof(text) - 1);
        return;
    }
    slot->id = id;
    slot->fd = fds[0];
    slot->len = 0;
    slot->output = malloc(MAX_OUTPUT);
    slot->pid = fork();
    if (slot->pid == 0)
        runChild(command, fds[1]);
    close(fds[1]);
    if (slot->pid < 0 || !slot->output)
        die("start of a command");
}

/* The command, and all that it started, closed its output. */
static void
endJob(job *slot)
{
    int status = 0;

    waitpid(slot->pid, &status, 0);
    answer(slot->id, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
           slot->output, slot->len);
    close(slot->fd);
    free(slot->output);
    slot->fd = -1;
}

/* Output beyond the bound is read and dropped, so that the command ends. */
static void
readJob(job *slot)
{
    char buf[4096];
    ssize_t n = read(slot->fd, buf, sizeof(buf));
    size_t room = MAX_OUTPUT - slot->len;

    if (n <= 0) {
        endJob(slot);
        return;
    }
    if ((size_t)n < room)
        room = (size_t)n;
    memcpy(slot->output + slot->len, buf, room);
    slot->len += room;
}

static void
readRequest(void)
{
    char line[64];
    size_t len = 0;
    int id, size;
    char *command;

    do {
        readAll(&line[len], 1);
    } while (line[len] != '\n' && ++len < sizeof(line) - 1);
    line[len] = '\0';
    if (sscanf(line, "%d %d", &id, &size) != 2 || size > MAX_COMMAND) {
        fprintf(stderr, "agent: bad request '%s'\n", line);
        exit(1);
    }
    if (size < 0) {
        job *slot = findJob(id, 1);

        if (slot)
            kill(-slot->pid, SIGKILL);
        return;
    }
    command = calloc(1, (size_t)size + 1);
    if (!command)
        die("memory for a command");
    readAll(command, (size_t)size);
    startJob(id, command);
    free(command);
}

static void
turn(void)
{
    struct pollfd fds[MAX_JOBS + 1];

    fds[0] = (struct pollfd){ .fd = host, .events = POLLIN };
    for (int i = 0; i < MAX_JOBS; i++)
        fds[i + 1] = (struct pollfd){ .fd = jobs[i].fd, .events = POLLIN };
    if (poll(fds, MAX_JOBS + 1, -1) < 0)
        die("poll");
    for (int i = 0; i < MAX_JOBS; i++) {
        if (fds[i + 1].revents)
            readJob(&jobs[i]);
    }
    if (fds[0].revents & POLLIN)
        readRequest();
    else if (fds[0].revents)
        usleep(10000);
}

int
main(void)
{
    for (int i = 0; i < MAX_JOBS; i++)
        jobs[i].fd = -1;
    host = openHost();
    writeAll("READY\n", 6);
    for (;;)
        turn();
}
