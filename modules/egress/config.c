/* config.c - the tenant's routes, placeholders and credentials; a reload swaps all of it at once. */
#include "base/log.h"
#include "egress/state.h"
#include "tls/seal.h"

#include <stdlib.h>

static void credential_deinit(struct egress_credential *c)
{
    free(c->name);
    free(c->placeholder);
    free(c->binding);
    secret_free(c->value);
    inject_scan_unref(c->scan);
}

struct egress_config *config_ref(struct egress_config *config)
{
    config->refs++;
    return config;
}

void config_unref(struct egress_config *config)
{
    if (config == NULL || --config->refs != 0) {
        return;
    }
    for (size_t i = 0; i < config->credential_count; i++) {
        credential_deinit(&config->credentials[i]);
    }
    for (size_t i = 0; config->ways != NULL && i < config->spec->route_count; i++) {
        free(config->ways[i]);
    }
    free(config->ways);
    trust_free(config);
    free(config->credentials);
    free(config->placeholders);
    policy_grants_free(&config->grants);
    policy_table_free(config->table);
    spec_free(config->spec);
    free(config);
}

struct egress_credential *config_credential(struct egress_config *config, const char *name)
{
    for (size_t i = 0; i < config->credential_count; i++) {
        if (strcmp(config->credentials[i].name, name) == 0) {
            return &config->credentials[i];
        }
    }
    return NULL;
}

struct span config_value(struct egress_config *config, const struct spec_route *route)
{
    const struct egress_credential *c =
        route->inject != SPEC_INJECT_NONE ? config_credential(config, route->credential) : NULL;
    return c != NULL && c->value != NULL ? secret_span(c->value) : SPAN_EMPTY;
}

/* What answers are searched for: of what signs requests to AWS, the secret alone. */
static struct span scanned_part(const struct egress_credential *credential, struct span value)
{
    struct inject_aws_credential parts;
    return credential->signs && inject_aws_credential(value, &parts) ? parts.secret : value;
}

/* True when the credential is "user:password" for some route. */
static bool is_pair(const struct egress_config *config, const char *name)
{
    for (size_t i = 0; i < config->spec->route_count; i++) {
        const struct spec_route *route = &config->spec->routes[i];
        if (route->inject == SPEC_INJECT_BASIC && route->user == NULL && route->credential != NULL &&
            strcmp(route->credential, name) == 0) {
            return true;
        }
    }
    return false;
}

/* What is looked for in answers on the credential's routes: of a pair also the password alone. With a credential that only
 * fetches tokens its own parts and the token are looked for (token.c). */
static int make_scan(const struct egress_config *config, const struct egress_credential *credential,
                     struct span whole, struct inject_scan **out)
{
    const char *name = credential->name;
    struct span value = scanned_part(credential, whole);
    if (spec_credential_grant(config->spec, span_str(name)) != SPEC_GRANT_NONE) {
        return 0;
    }
    const uint8_t *colon = is_pair(config, name) ? memchr(value.ptr, ':', value.len) : NULL;
    const struct span needles[] = {
        value, colon != NULL ? span_sub(value, (size_t)(colon - value.ptr) + 1, SIZE_MAX) : SPAN_EMPTY};
    int r = inject_scan_new_of(needles, sizeof(needles) / sizeof(needles[0]), out);
    if (r == CB_ELIMIT) {
        log_warn("credential \"%s\" is too short to be looked for in answers", name);
        r = 0;
    }
    return r;
}

int config_take_credential(const struct egress_config *config, struct egress_credential *credential,
                           const struct ipc_in *in)
{
    struct ipc_credential m;
    int r = in->msg == IPC_MSG_CREDENTIAL ? ipc_get_credential(in->payload, &m) : CB_EMALFORMED;
    if (r != 0) {
        return r;
    }
    if (m.code != 0) {
        return ipc_result(m.code);
    }
    struct secret *value = m.value.len != 0 ? secret_from(m.value) : NULL;
    char *binding = strndup((const char *)m.binding.ptr, m.binding.len);
    struct inject_scan *scan = NULL;
    r = value != NULL && binding != NULL ? make_scan(config, credential, m.value, &scan) : CB_ENOMEM;
    if (r != 0) {
        secret_free(value);
        free(binding);
        return r;
    }
    secret_free(credential->value);
    free(credential->binding);
    inject_scan_unref(credential->scan);
    credential->value = value;
    credential->scan = scan;
    credential->binding = binding;
    return 0;
}

static int config_read_credentials(struct egress_config *config, struct span list)
{
    struct reader r = reader_of(list);
    uint32_t count = ipc_list_read(&r, SPEC_ROUTES_MAX);
    config->credentials = calloc(count + 1, sizeof(*config->credentials));
    config->placeholders = calloc(count + 1, sizeof(*config->placeholders));
    if (config->credentials == NULL || config->placeholders == NULL) {
        return CB_ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct span name = ipc_read_text(&r, IPC_NAME_MAX);
        struct span placeholder = ipc_read_text(&r, 256);
        struct egress_credential *c = &config->credentials[i];
        c->version = reader_u64(&r);
        if (r.error != 0) {
            return r.error;
        }
        config->credential_count = i + 1;
        c->name = strndup((const char *)name.ptr, name.len);
        c->placeholder = strndup((const char *)placeholder.ptr, placeholder.len);
        if (c->name == NULL || c->placeholder == NULL) {
            return CB_ENOMEM;
        }
        config->placeholders[i] =
            (struct inject_placeholder){.credential = span_str(c->name), .value = span_str(c->placeholder)};
    }
    return reader_finish(&r);
}

/* Once for each route, because there can be the digest of a CA in it. */
static int config_make_ways(struct egress_config *config)
{
    const struct spec *spec = config->spec;
    config->ways = calloc(spec->route_count + 1, sizeof(*config->ways));
    int r = config->ways != NULL ? 0 : CB_ENOMEM;
    for (size_t i = 0; r == 0 && i < spec->route_count; i++) {
        struct buf way;
        buf_init(&way, 1024);
        r = spec_route_way(&spec->routes[i], digest_sha256_of, &way);
        if (r == 0) {
            config->ways[i] = strndup((const char *)buf_span(&way).ptr, buf_len(&way));
            r = config->ways[i] != NULL ? 0 : CB_ENOMEM;
        }
        buf_deinit(&way);
    }
    return r;
}

bool config_is_bound(const struct egress_config *config, const struct egress_credential *credential,
                     const struct spec_route *route, struct span host)
{
    const char *way = config->ways[route - config->spec->routes];
    return credential->binding != NULL &&
           spec_binding_allows_way(span_str(credential->binding), host, span_str(way));
}

static int config_make(const struct egress *e, const struct ipc_spec *m, struct egress_config **out)
{
    struct egress_config *config = calloc(1, sizeof(*config));
    if (config == NULL) {
        return CB_ENOMEM;
    }
    config->refs = 1;
    config->generation = m->generation;
    config->suspended = m->suspended;
    config->ca_ms = m->ca_ms;
    if (m->token_hash.len != sizeof(config->token_hash)) {
        free(config);
        return CB_EMALFORMED;
    }
    memcpy(config->token_hash, m->token_hash.ptr, sizeof(config->token_hash));
    char why[256] = "";
    int r = spec_decode(m->spec, &config->spec);
    if (r == 0) {
        r = policy_grants_take(&config->grants, config->spec, m->grants);
    }
    if (r == 0) {
        r = policy_grants_table(&config->grants, &config->table, why, sizeof(why));
    }
    if (r == 0) {
        r = config_read_credentials(config, m->credentials);
    }
    for (size_t i = 0; r == 0 && i < config->spec->route_count; i++) {
        const struct spec_route *route = &config->spec->routes[i];
        struct egress_credential *c =
            route->inject == SPEC_INJECT_AWS ? config_credential(config, route->credential) : NULL;
        if (c != NULL) {
            c->signs = true;
        }
    }
    if (r == 0) {
        r = config_make_ways(config);
    }
    if (r == 0) {
        r = trust_make(e->system_roots, config);
    }
    if (r != 0) {
        log_error_r(r, "the stored routes are not usable, so the ones in use stay%s%s",
                    why[0] != '\0' ? ": " : "", why);
        config_unref(config);
        return r;
    }
    *out = config;
    return 0;
}

/* What was unsealed stays unsealed when the store says that it has not changed. */
static void config_carry_over(struct egress_config *from, struct egress_config *to)
{
    for (size_t i = 0; !to->suspended && i < to->credential_count; i++) {
        struct egress_credential *c = &to->credentials[i];
        struct egress_credential *old = config_credential(from, c->name);
        if (old == NULL || old->version != c->version || old->value == NULL) {
            continue;
        }
        c->value = secret_from(secret_span(old->value));
        c->binding = strdup(old->binding);
        if (c->binding == NULL) {
            secret_free(c->value);
            c->value = NULL;
        } else if (c->value != NULL && old->scan != NULL) {
            c->scan = inject_scan_ref(old->scan);
        }
    }
}

void config_send_to_gate(struct egress *e)
{
    if (e->gate == NULL || e->config == NULL) {
        return;
    }
    struct buf hosts;
    buf_init(&hosts, IPC_PAGE_MAX - 128);
    struct writer w = writer_to(&hosts);
    size_t at = ipc_list_begin(&w);
    uint32_t count = 0;
    for (size_t i = 0; i < e->config->spec->route_count; i++) {
        const struct spec_route *route = &e->config->spec->routes[i];
        if (route->action == SPEC_ACTION_ALLOW) {
            ipc_write_text(&w, span_str(route->host), IPC_HOST_MAX);
            writer_u16(&w, route->port);
            writer_u8(&w, (uint8_t)route->scheme);
            count++;
        }
    }
    ipc_list_end(&w, at, count);
    int r = writer_finish(&w);
    if (r == 0) {
        r = ipc_send_gate_config(
            e->gate, 0,
            &(struct ipc_gate_config){.generation = e->config->generation,
                                      .suspended = e->config->suspended,
                                      .ca_ms = e->config->ca_ms,
                                      .token_hash = span_of(e->config->token_hash, IPC_HASH_LEN),
                                      .hosts = buf_span(&hosts)});
    }
    if (r != 0) {
        log_error_r(r, "the gate could not be told about the routes");
    }
    buf_deinit(&hosts);
}

static int on_spec(void *arg, int code, const struct ipc_in *in)
{
    struct egress *e = arg;
    e->fetching = false;
    if (code != 0) {
        return 0; /* the store is gone; its successor is asked when it comes */
    }
    struct ipc_spec m;
    int r = in->msg == IPC_MSG_SPEC ? ipc_get_spec(in->payload, &m) : CB_EMALFORMED;
    if (r != 0) {
        return r;
    }
    struct egress_config *config = NULL;
    if (m.code != 0) {
        log_error_r(ipc_result(m.code), "the store has no routes for this tenant");
    } else if (config_make(e, &m, &config) == 0) {
        struct egress_config *old = e->config;
        if (old != NULL) {
            config_carry_over(old, config);
        }
        e->config = config;
        config_unref(old);
        pool_clear(e);
        tokens_recheck(e);
        LIST_FOR_EACH (node, safe, &e->streams) {
            stream_recheck(LIST_ENTRY(node, struct stream, link));
        }
        config_send_to_gate(e);
        log_debug("routes of generation %llu in use", (unsigned long long)config->generation);
    }
    if (e->fetch_again) {
        e->fetch_again = false;
        config_fetch(e);
    }
    return 0;
}

void config_fetch(struct egress *e)
{
    if (e->store == NULL) {
        return;
    }
    if (e->fetching) {
        e->fetch_again = true;
        return;
    }
    struct ipc_spec_get m = {.known_generation = e->config != NULL ? e->config->generation : 0};
    int r = ipc_call_spec_get(e->store, &m, on_spec, e, NULL);
    if (r != 0) {
        log_error_r(r, "the routes could not be asked for");
        return;
    }
    e->fetching = true;
}
