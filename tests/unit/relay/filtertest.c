/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The filters of the confined processes, for each architecture that configure
 * accepts, whichever this is: libseccomp makes the filter, and a small interpreter
 * of the kernel's instructions runs it. filterdata/ARCHITECTURE-PROCESS is the list
 * of all calls that it may allow or refuse (all others are the process's death), and
 * filterdata/libc which calls the C library
 * makes of the functions that the processes use.
 */
#include <config.h>

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "relay/process/filter.h"
#include "tests/lib/testutils.h"

enum {
    CALLS_MAX = 1024,           /* system calls have lower numbers */
    INSTRUCTIONS_MAX = 4096,
    ARGS = 6,
    CONDITIONS = 2,
    TRIES = 64,                 /* with random arguments */
    X32 = 0x40000000,           /* the bit of x86-64's calls with 32-bit pointers */
};

/* What the filter answers to a call that a list says is "refused". */
#define REFUSED ((uint32_t)SECCOMP_RET_ERRNO | EACCES)

static const char *const processes[VMC_FILTER_LAST] = { "worker", "pump" };

/* A line of a list: a call, and what its arguments have to be. */
typedef struct {
    int call;
    uint32_t answer;            /* SECCOMP_RET_ALLOW, REFUSED */
    unsigned int n;
    struct {
        unsigned int arg;
        uint64_t mask;
        uint64_t value;
    } when[CONDITIONS];
} allowedCall;

typedef struct {
    const char *name;
    uint32_t arch;              /* SCMP_ARCH_…, which is the kernel's AUDIT_ARCH_… */
    vmcFilterProcess process;
    struct sock_filter code[INSTRUCTIONS_MAX];
    size_t len;
    GArray *allowed;            /* of allowedCall */
} filterCase;

static GStrv
architectures(void)
{
    return g_strsplit(VMC_ARCHITECTURES, " ", 0);
}

static uint32_t
archOf(const char *name)
{
    uint32_t arch = seccomp_arch_resolve_name(name);

    g_assert_cmpuint(arch, !=, 0);
    return arch;
}

/* What the kernel answers to @data: seccomp(2). Loads are little-endian, as our architectures. */
static uint32_t
runFilter(const filterCase *test, const struct seccomp_data *data)
{
    uint32_t a = 0;

    for (size_t pc = 0; pc < test->len; pc++) {
        const struct sock_filter *op = &test->code[pc];
        bool yes;

        switch (op->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            g_assert_cmpuint(op->k, <=, sizeof(*data) - sizeof(a));
            memcpy(&a, (const char *)data + op->k, sizeof(a));
            continue;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= op->k;
            continue;
        case BPF_RET | BPF_K:
            return op->k;
        case BPF_JMP | BPF_JA:
            pc += op->k;
            continue;
        case BPF_JMP | BPF_JEQ | BPF_K:
            yes = a == op->k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            yes = a > op->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            yes = a >= op->k;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            yes = (a & op->k) != 0;
            break;
        default:
            g_error("the interpreter does not know the instruction 0x%x", op->code);
        }
        pc += yes ? op->jt : op->jf;
    }
    g_error("the filter has no end");
}

static uint32_t
answerTo(const filterCase *test, uint32_t arch, int call, const uint64_t args[ARGS])
{
    struct seccomp_data data = { .nr = call, .arch = arch };

    memcpy(data.args, args, sizeof(data.args));
    return runFilter(test, &data);
}

static uint64_t
randomWord(void)
{
    return (uint64_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();
}

static void
randomArgs(uint64_t args[ARGS])
{
    for (size_t i = 0; i < ARGS; i++)
        args[i] = randomWord();
}

static bool
holds(const allowedCall *allowed, const uint64_t args[ARGS])
{
    for (unsigned int i = 0; i < allowed->n; i++) {
        if ((args[allowed->when[i].arg] & allowed->when[i].mask) != allowed->when[i].value)
            return false;
    }
    return true;
}

/* What the list says of it. */
static uint32_t
listedAnswer(const filterCase *test, int call, const uint64_t args[ARGS])
{
    for (unsigned int i = 0; i < test->allowed->len; i++) {
        const allowedCall *allowed = &g_array_index(test->allowed, allowedCall, i);

        if (allowed->call == call && holds(allowed, args))
            return allowed->answer;
    }
    return SECCOMP_RET_KILL_PROCESS;
}

static void
checkCall(const filterCase *test, int call, const uint64_t args[ARGS])
{
    uint32_t answer = answerTo(test, test->arch, call, args);
    uint32_t listed = listedAnswer(test, call, args);
    g_autofree char *name = NULL;

    if (answer == listed)
        return;
    name = seccomp_syscall_resolve_num_arch(test->arch, call);
    g_test_message("%s(0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64
                   ", 0x%" PRIx64 "): the filter answers 0x%x, the list 0x%x", name, args[0],
                   args[1], args[2], args[3], args[4], args[5], answer, listed);
    g_test_fail();
}

/* "mmap", or "mmap 2&0x4=0x0": argument, mask, value; or "open refused". */
static void
parseAllowed(filterCase *test, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 0);
    allowedCall allowed = { .call = seccomp_syscall_resolve_name_arch(test->arch, words[0]),
                            .answer = SECCOMP_RET_ALLOW };

    if (allowed.call < 0)
        g_error("%s has no system call '%s'", test->name, words[0]);
    if (g_strcmp0(words[1], "refused") == 0)
        allowed.answer = REFUSED;
    for (size_t i = 1; words[i] && allowed.answer == SECCOMP_RET_ALLOW; i++) {
        char *end;

        g_assert_cmpuint(allowed.n, <, CONDITIONS);
        allowed.when[allowed.n].arg = (unsigned int)strtoul(words[i], &end, 10);
        g_assert_cmpuint(allowed.when[allowed.n].arg, <, ARGS);
        g_assert_cmpint(*end, ==, '&');
        allowed.when[allowed.n].mask = strtoull(end + 1, &end, 16);
        g_assert_cmpint(*end, ==, '=');
        allowed.when[allowed.n].value = strtoull(end + 1, &end, 16);
        g_assert_cmpint(*end, ==, '\0');
        allowed.n++;
    }
    g_array_append_val(test->allowed, allowed);
}

/* The lines of filterdata/@name that are no comments. The caller frees them. */
static GStrv
dataLines(const char *name)
{
    g_autofree char *relative = g_build_filename("unit/relay/filterdata", name, NULL);
    g_autofree char *path = testPath(relative);
    g_autofree char *text = testRead(path);
    g_auto(GStrv) all = NULL;
    g_autoptr(GStrvBuilder) lines = g_strv_builder_new();

    if (!text)
        g_error("there is no %s", path);
    all = g_strsplit(text, "\n", 0);
    for (size_t i = 0; all[i]; i++) {
        if (*all[i] && *all[i] != '#')
            g_strv_builder_add(lines, all[i]);
    }
    return g_strv_builder_end(lines);
}

static void
readAllowed(filterCase *test)
{
    g_autofree char *name = g_strdup_printf("%s-%s", test->name, processes[test->process]);
    g_auto(GStrv) lines = dataLines(name);

    test->allowed = g_array_new(FALSE, FALSE, sizeof(allowedCall));
    for (size_t i = 0; lines[i]; i++)
        parseAllowed(test, lines[i]);
}

static void
makeFilter(filterCase *test)
{
    int fd = memfd_create("filter", MFD_CLOEXEC);
    ssize_t len;

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(vmcFilterExport(test->process, test->arch, fd), ==, 0);
    len = pread(fd, test->code, sizeof(test->code), 0);
    g_assert_cmpint(len, >, 0);
    g_assert_cmpint(len, <, sizeof(test->code));
    test->len = (size_t)len / sizeof(*test->code);
    close(fd);
}

/* Arguments that the line allows, but for one condition where @broken is below its count. */
static void
argsFor(const allowedCall *allowed, unsigned int broken, uint64_t args[ARGS])
{
    randomArgs(args);
    for (unsigned int i = 0; i < allowed->n; i++) {
        uint64_t mask = allowed->when[i].mask;
        uint64_t value = allowed->when[i].value;

        if (i == broken)
            value ^= mask & -mask;      /* its lowest bit */
        args[allowed->when[i].arg] = (args[allowed->when[i].arg] & ~mask) | value;
    }
}

static void
checkLines(const filterCase *test)
{
    for (unsigned int i = 0; i < test->allowed->len; i++) {
        const allowedCall *allowed = &g_array_index(test->allowed, allowedCall, i);

        for (unsigned int broken = 0; broken <= allowed->n; broken++) {
            uint64_t args[ARGS];

            for (int try = 0; try < TRIES; try++) {
                argsFor(allowed, broken, args);
                checkCall(test, allowed->call, args);
            }
        }
    }
}

static void
checkEveryCall(const filterCase *test)
{
    for (int call = 0; call < CALLS_MAX; call++) {
        uint64_t args[ARGS] = { 0 };

        checkCall(test, call, args);
        for (int try = 0; try < TRIES; try++) {
            randomArgs(args);
            checkCall(test, call, args);
        }
    }
}

/* By another architecture's entry, the same number would be another call. */
static void
checkOtherArchs(const filterCase *test)
{
    static const uint32_t others[] = { SCMP_ARCH_X86, SCMP_ARCH_X86_64, SCMP_ARCH_ARM,
                                       SCMP_ARCH_AARCH64 };
    static const uint64_t args[ARGS] = { 0 };

    for (int call = 0; call < CALLS_MAX; call++) {
        for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
            g_assert_true(others[i] == test->arch ||
                          answerTo(test, others[i], call, args) == SECCOMP_RET_KILL_PROCESS);
        g_assert_cmphex(answerTo(test, test->arch, call | X32, args), ==,
                        SECCOMP_RET_KILL_PROCESS);
    }
    g_assert_cmphex(answerTo(test, test->arch, -1, args), ==, SECCOMP_RET_KILL_PROCESS);
}

static void
testFilter(const void *opaque)
{
    const filterCase *given = opaque;
    g_autofree filterCase *test = g_memdup2(given, sizeof(*given));

    readAllowed(test);
    makeFilter(test);
    checkLines(test);
    checkEveryCall(test);
    checkOtherArchs(test);
    g_array_unref(test->allowed);
}

static bool
isCallListed(const filterCase *test, const char *name)
{
    int call = seccomp_syscall_resolve_name_arch(test->arch, name);

    for (unsigned int i = 0; i < test->allowed->len; i++) {
        const allowedCall *allowed = &g_array_index(test->allowed, allowedCall, i);

        if (allowed->call == call && allowed->answer == SECCOMP_RET_ALLOW)
            return true;
    }
    return false;
}

/* Each process has what the C library makes of its functions: the column of the architecture. */
static void
testLibrary(const void *opaque)
{
    const filterCase *given = opaque;
    g_autofree filterCase *test = g_memdup2(given, sizeof(*given));
    g_auto(GStrv) lines = dataLines("libc");
    g_auto(GStrv) titles = g_strsplit(lines[0], "|", 0);
    unsigned int column = 0;

    readAllowed(test);
    while (titles[column] && strcmp(g_strstrip(titles[column]), test->name) != 0)
        column++;
    if (!titles[column])
        g_error("filterdata/libc has no column '%s'", test->name);
    for (size_t i = 1; lines[i]; i++) {
        g_auto(GStrv) cells = g_strsplit(lines[i], "|", 0);
        g_auto(GStrv) calls = NULL;

        g_assert_cmpuint(g_strv_length(cells), ==, g_strv_length(titles));
        if (!strstr(cells[1], processes[test->process]))
            continue;
        calls = g_strsplit(g_strstrip(cells[column]), " ", 0);
        for (size_t j = 0; calls[j]; j++) {
            if (isCallListed(test, calls[j]))
                continue;
            g_test_message("%s() of a %s is %s on %s, which is not allowed", g_strstrip(cells[0]),
                           processes[test->process], calls[j], test->name);
            g_test_fail();
        }
    }
    g_array_unref(test->allowed);
}

int
main(int argc, char **argv)
{
    g_auto(GStrv) names = architectures();

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; names[i]; i++) {
        for (vmcFilterProcess process = 0; process < VMC_FILTER_LAST; process++) {
            filterCase test = { names[i], archOf(names[i]), process, { { 0 } }, 0, NULL };
            g_autofree char *filter = g_strdup_printf("/relay/filter/%s/%s/calls", names[i],
                                                      processes[process]);
            g_autofree char *library = g_strdup_printf("/relay/filter/%s/%s/libc", names[i],
                                                       processes[process]);

            g_test_add_data_func_full(filter, g_memdup2(&test, sizeof(test)), testFilter, g_free);
            g_test_add_data_func_full(library, g_memdup2(&test, sizeof(test)), testLibrary, g_free);
        }
    }
    return g_test_run();
}
