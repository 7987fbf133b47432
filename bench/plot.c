/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small plots as SVG: see plot.h. Knows nothing of what they show. */
#include <config.h>

#include "plot.h"

#include <stdio.h>

/* In SVG's units, one for a pixel. */
enum {
    COLUMNS = 3,
    PANEL_WIDTH = 320,
    PANEL_HEIGHT = 220,
    LEFT = 50,                  /* of a panel, before its scale */
    RIGHT = 20,
    TOP = 34,
    BOTTOM = 34,
    WIDTH = PANEL_WIDTH - LEFT - RIGHT,
    HEIGHT = PANEL_HEIGHT - TOP - BOTTOM,
};

#define MARKS_MAX 16

typedef struct {
    char *name;                 /* NULL: a point */
    double x, y, low, high;
} mark;

typedef struct {
    char *title;
    mark marks[MARKS_MAX];
    unsigned int n;
} panel;

struct _plot {
    panel *panels;
    unsigned int size, n;
};

plot *
plotNew(unsigned int panels)
{
    plot *page = g_new0(plot, 1);

    page->panels = g_new0(panel, panels);
    page->size = panels;
    return page;
}

void
plotFree(plot *page)
{
    if (!page)
        return;
    for (unsigned int i = 0; i < page->n; i++) {
        g_free(page->panels[i].title);
        for (unsigned int j = 0; j < page->panels[i].n; j++)
            g_free(page->panels[i].marks[j].name);
    }
    g_free(page->panels);
    g_free(page);
}

void
plotPanel(plot *page, const char *title)
{
    g_assert_cmpuint(page->n, <, page->size);
    page->panels[page->n++].title = g_strdup(title);
}

static void
addMark(plot *page, mark added)
{
    panel *last = &page->panels[page->n - 1];

    g_assert_cmpuint(last->n, <, MARKS_MAX);
    last->marks[last->n++] = added;
}

void
plotBar(plot *page, const char *name, double value, double low, double high)
{
    addMark(page, (mark){ g_strdup(name), 0, value, low, high });
}

void
plotPoint(plot *page, double x, double y)
{
    addMark(page, (mark){ NULL, x, y, y, y });
}

static void
text(FILE *out, double x, double y, const char *anchor, const char *words)
{
    g_autofree char *escaped = g_markup_escape_text(words, -1);

    fprintf(out, "<text x='%.1f' y='%.1f' text-anchor='%s'>%s</text>\n", x, y, anchor, escaped);
}

static void
number(FILE *out, double x, double y, const char *anchor, double value)
{
    char words[32];

    snprintf(words, sizeof(words), value >= 100 ? "%.0f" : "%.3g", value);
    text(out, x, y, anchor, words);
}

static void
line(FILE *out, double x1, double y1, double x2, double y2)
{
    fprintf(out, "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='black'/>\n", x1, y1,
            x2, y2);
}

static double
heightOf(double value, double max)
{
    return TOP + HEIGHT * (1 - value / max);
}

static void
drawBar(FILE *out, const panel *p, unsigned int which, double max)
{
    const mark *m = &p->marks[which];
    double width = (double)WIDTH / p->n;
    double middle = LEFT + (which + 0.5) * width;
    double top = heightOf(m->y, max);

    fprintf(out, "<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f' fill='#7a9cc6'/>\n",
            middle - 0.35 * width, top, 0.7 * width, TOP + HEIGHT - top);
    line(out, middle, heightOf(m->low, max), middle, heightOf(m->high, max));
    number(out, middle, heightOf(MAX(m->high, m->y), max) - 4, "middle", m->y);
    text(out, middle, TOP + HEIGHT + 12 + 12 * (which % 2), "middle", m->name);
}

static void
drawPoint(FILE *out, const panel *p, unsigned int which, double max)
{
    const mark *m = &p->marks[which];
    double scale = WIDTH / p->marks[p->n - 1].x;
    double x = LEFT + m->x * scale;

    if (which > 0)
        line(out, LEFT + m[-1].x * scale, heightOf(m[-1].y, max), x, heightOf(m->y, max));
    fprintf(out, "<circle cx='%.1f' cy='%.1f' r='3' fill='#7a9cc6'/>\n", x, heightOf(m->y, max));
    number(out, x, heightOf(m->y, max) - 6, "middle", m->y);
    number(out, x, TOP + HEIGHT + 14, "middle", m->x);
}

static void
drawPanel(FILE *out, const panel *p)
{
    double max = 0;

    for (unsigned int i = 0; i < p->n; i++)
        max = MAX(max, MAX(p->marks[i].high, p->marks[i].y));
    max = max > 0 ? max * 1.1 : 1;
    text(out, LEFT, 16, "start", p->title);
    line(out, LEFT, TOP, LEFT, TOP + HEIGHT);
    line(out, LEFT, TOP + HEIGHT, LEFT + WIDTH, TOP + HEIGHT);
    number(out, LEFT - 4, TOP + HEIGHT, "end", 0);
    number(out, LEFT - 4, TOP + 8, "end", max);
    for (unsigned int i = 0; i < p->n; i++)
        (p->marks[i].name ? drawBar : drawPoint)(out, p, i, max);
}

int
plotWrite(const plot *page, const char *path)
{
    unsigned int rows = (page->n + COLUMNS - 1) / COLUMNS;
    FILE *out = fopen(path, "w");

    if (!out) {
        fprintf(stderr, "bench: cannot write '%s'\n", path);
        return -1;
    }
    fprintf(out, "<svg xmlns='http://www.w3.org/2000/svg' width='%u' height='%u'"
            " font-family='sans-serif' font-size='10'>\n<rect width='100%%' height='100%%'"
            " fill='white'/>\n", (unsigned int)COLUMNS * PANEL_WIDTH, rows * PANEL_HEIGHT);
    for (unsigned int i = 0; i < page->n; i++) {
        fprintf(out, "<g transform='translate(%u %u)'>\n", i % COLUMNS * PANEL_WIDTH,
                i / COLUMNS * PANEL_HEIGHT);
        drawPanel(out, &page->panels[i]);
        fputs("</g>\n", out);
    }
    fputs("</svg>\n", out);
    return fclose(out) == 0 ? 0 : -1;
}
