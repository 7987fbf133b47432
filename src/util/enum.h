/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every enum that has words (in XML, in an option, in a message) is paired
 * with them here, by a static assert that both have the same size.
 */
#pragma once

#include <glib.h>

/*
 * vmcEnumFind:
 * Returns the index of @word in the @n words of @words, or -1 when it is not
 * one of them. @word may be NULL, which is none; entries of @words may be NULL
 * (a value without a word) and are never found.
 */
int vmcEnumFind(const char *const *words, int n, const char *word);

/*
 * vmcEnumWord:
 * Returns the word of @value, or NULL when @value is out of range or has none.
 */
const char *vmcEnumWord(const char *const *words, int n, int value);

/*
 * vmcEnumList:
 * Returns the words, quoted and separated by commas, for a message that says
 * what is accepted: "'a', 'b' or 'c'". The caller frees the string.
 */
char *vmcEnumList(const char *const *words, int n);

/*
 * In a header: int nameFromString(const char *), const char *nameToString(int) and
 * char *nameList(void).
 */
#define VMC_ENUM_DECL(name) \
    int name ## FromString(const char *word); \
    const char *name ## ToString(int value); \
    char *name ## List(void)

/*
 * In one source file: the words of the enum that ends in @last, each with the value
 * that it is of, [VALUE] = "word", so that their order means nothing.
 */
#define VMC_ENUM_IMPL(name, last, ...) \
    static const char *const name ## Words[] = { __VA_ARGS__ }; \
    G_STATIC_ASSERT(G_N_ELEMENTS(name ## Words) == last); \
    int name ## FromString(const char *word) \
    { return vmcEnumFind(name ## Words, last, word); } \
    const char *name ## ToString(int value) \
    { return vmcEnumWord(name ## Words, last, value); } \
    char *name ## List(void) \
    { return vmcEnumList(name ## Words, last); }
