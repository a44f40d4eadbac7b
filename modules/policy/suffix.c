/*
 * suffix.c - the known public suffixes.
 *
 * What this is: a guard against the wildcard that means far more than its author thinks. "*.github.io" looks like one
 * organisation and is everybody's web space, so a tenant that may send there may send to anybody. A name counts as a
 * public suffix when
 *   - it is a single label;
 *   - it is a registry's usual second level under a country code ("com.au", "ac.uk"), recognised by its form;
 *   - it is in the first table: registries that the form does not tell, and the hosting, tunnel and address services
 *     that are best known for handing out names to anybody;
 *   - it is in the second table or anywhere below: services that hand out names under a region or account label, so
 *     that "*.s3.eu-west-1.amazonaws.com" is as public as "*.amazonaws.com";
 *   - it is a parent of a name in a table: "*.windows.net" contains "*.blob.core.windows.net".
 *
 * What this is not: the Public Suffix List. That has ten thousand entries and changes every week; a copy would look
 * complete and go stale. A service that is missing here is not refused, which is why routes should name hosts exactly
 * wherever they can. Both tables are sorted (a test checks it), so that a diff shows what came in.
 */
#include "policy/suffix.h"

/* clang-format off */
static const char *const suffixes[] = {
    "ad.jp", "adobeaemcloud.com", "altervista.org", "amplifyapp.com", "appspot.com", "appwrite.network", "art.br",
    "asn.au", "asso.fr", "asso.re", "azure-api.net", "azure-mobile.net", "azurecontainer.io", "azureedge.net",
    "azurefd.net", "azurewebsites.net", "b-cdn.net", "bigcartel.com", "bitbucket.io", "blob.core.windows.net",
    "blog.br", "blogspot.com", "bolt.host", "br.com", "bubbleapps.io", "cdn77.org", "cloudflareaccess.com",
    "cloudfront.net", "cloudfunctions.net", "cn.com", "codeberg.page", "codesandbox.io",
    "cognitiveservices.azure.com", "csb.app", "database.windows.net", "ddns.net", "de.com", "deno.dev", "deno.net",
    "discordsays.com", "documents.azure.com", "duckdns.org", "dyndns.org", "dynu.net", "ed.jp", "edgekey.net",
    "edgesuite.net", "eu.com", "eu.org", "fastly.net", "fastlylb.net", "file.core.windows.net", "firebaseapp.com",
    "firebaseio.com", "firm.in", "fly.dev", "framer.app", "framer.website", "freeddns.org", "gb.net", "geek.nz",
    "gen.in", "gen.nz", "github.dev", "github.io", "githubpreview.dev", "githubusercontent.com", "gitlab.io",
    "gitpod.io", "glitch.me", "goip.de", "gr.com", "gr.jp", "hashnode.dev", "herokuapp.com", "hf.space", "hopto.org",
    "hu.net", "id.au", "in.net", "ind.br", "ind.in", "iwi.nz", "jp.net", "jpn.com", "kiwi.nz", "kr.com", "lg.jp",
    "loca.lt", "localhost.run", "localtunnel.me", "lovable.app", "ltd.uk", "maori.nz", "me.uk", "mex.com", "my.id",
    "myfritz.net", "myshopify.com", "mystrikingly.com", "netlify.app", "ngrok-free.app", "ngrok-free.dev",
    "ngrok.app", "ngrok.dev", "nhs.uk", "no-ip.biz", "no-ip.org", "notion.site", "nsupdate.info",
    "ondigitalocean.app", "onrender.com", "openai.azure.com", "pages.dev", "pantheonsite.io", "pe.kr",
    "pipedream.net", "plc.uk", "police.uk", "pythonanywhere.com", "queue.core.windows.net",
    "r2.cloudflarestorage.com", "r2.dev", "railway.app", "re.kr", "readthedocs.io", "repl.co", "replit.app", "ru.com",
    "sa.com", "sch.uk", "school.nz", "se.net", "servehttp.com", "serveo.net", "servicebus.windows.net",
    "services.ai.azure.com", "shopifypreview.com", "sourceforge.io", "stackblitz.io", "storage.googleapis.com",
    "streamlit.app", "supabase.co", "surge.sh", "table.core.windows.net", "tiiny.site", "trafficmanager.net",
    "translate.goog", "trycloudflare.com", "tumblr.com", "tunnelmole.net", "typepad.com", "uk.com", "uk.net",
    "us.com", "us.org", "val.run", "vault.azure.net", "vercel.app", "vercel.dev", "web.app", "web.core.windows.net",
    "webcontainer.io", "webflow.io", "webhook.site", "webnode.page", "weebly.com", "wixsite.com", "wixstudio.com",
    "wordpress.com", "workers.dev", "wpengine.com", "x.se", "za.com", "zapto.org", "zeabur.app",
};

static const char *const deep_suffixes[] = {
    "amazonaws.com", "amazonaws.com.cn", "awsapprunner.com", "azurecontainerapps.io", "azurestaticapps.net",
    "backblazeb2.com", "cloudapp.azure.com", "cloudapp.net", "digitaloceanspaces.com", "elasticbeanstalk.com",
    "linodeobjects.com", "ngrok.io", "nip.io", "on.aws", "replit.dev", "run.app", "sslip.io", "vultrobjects.com",
    "wasabisys.com", "xip.io",
};
/* clang-format on */

/* What registries under a country code call their second level. */
static const char *const second_levels[] = {"ac", "co",  "com", "edu", "go",  "gob", "gouv", "gov",
                                            "gv", "mil", "ne",  "net", "nom", "or",  "org"};

static bool is_below(struct span name, struct span parent)
{
    return name.len > parent.len && span_ends(name, parent) && name.ptr[name.len - parent.len - 1] == '.';
}

static bool is_country_registry(struct span name)
{
    if (name.len < 5 || name.ptr[name.len - 3] != '.') {
        return false;
    }
    struct span second = span_sub(name, 0, name.len - 3);
    for (size_t i = 0; i < sizeof(second_levels) / sizeof(second_levels[0]); i++) {
        if (span_eq_str(second, second_levels[i])) {
            return true;
        }
    }
    return false;
}

bool policy_suffix_is_registry(struct span name)
{
    return name.len == 0 || memchr(name.ptr, '.', name.len) == NULL || is_country_registry(name);
}

bool policy_suffix_is_public(struct span name)
{
    if (policy_suffix_is_registry(name)) {
        return true;
    }
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        struct span known = span_str(suffixes[i]);
        if (span_eq(name, known) || is_below(known, name)) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(deep_suffixes) / sizeof(deep_suffixes[0]); i++) {
        struct span known = span_str(deep_suffixes[i]);
        if (span_eq(name, known) || is_below(known, name) || is_below(name, known)) {
            return true;
        }
    }
    return false;
}

const char *policy_suffix_at(size_t index, bool deep)
{
    size_t count =
        deep ? sizeof(deep_suffixes) / sizeof(deep_suffixes[0]) : sizeof(suffixes) / sizeof(suffixes[0]);
    if (index >= count) {
        return NULL;
    }
    return deep ? deep_suffixes[index] : suffixes[index];
}
