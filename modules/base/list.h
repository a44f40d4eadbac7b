/*
 * list.h - an intrusive doubly linked list: the link lives inside the element, so linking never allocates.
 */
#ifndef CB_BASE_LIST_H
#define CB_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev;
    struct list *next;
};

/* The element of `type` that has `node` as its member. */
#define LIST_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))
/* Walks the list; the body may remove the current element. */
#define LIST_FOR_EACH(node, safe, head) \
    for (struct list *node = (head)->next, *safe = node->next; node != (head); node = safe, safe = node->next)

/* Makes a head empty, or an element unlinked: both point at themselves. */
static inline void list_init(struct list *l)
{
    l->prev = l->next = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_push_back(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void list_push_front(struct list *head, struct list *node)
{
    list_push_back(head->next, node);
}

/* Unlinks an element; safe on one that is not linked. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#endif
