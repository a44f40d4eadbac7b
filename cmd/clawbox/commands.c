/* commands.c - the command line on one page: every command, what it is for, and its help. */
#include "cmd.h"

#include <string.h>

#define STATE_HELP                                                                                      \
    "  --state DIR     the state directory (default: $CLAWBOX_STATE, else /var/lib/clawbox for root,\n" \
    "                  else $XDG_STATE_HOME/clawbox, else ~/.local/state/clawbox)\n"

static const char help_serve[] =
    "usage: clawbox serve [--state DIR] [options]\n"
    "\n"
    "Runs the appliance until SIGTERM: the store, the vault, the control socket, and for every tenant with traffic\n"
    "a gate and an egress. Prints `clawbox: ready` when it serves. The state directory is made if it is not there.\n"
    "\n"
    "options:\n"
    "  --listen ADDRESS   where the tenants' listeners are (default: 127.0.0.1)\n"
    "  --health ADDRESS:PORT  answers GET /healthz, /readyz and /metrics there, to everybody who can reach it (default: nowhere)\n"
    "  --console ADDRESS:PORT  where browsers find the console, or off; without TLS 127.0.0.1 or [::1] (default: 127.0.0.1:9180,\n"
    "                      unless that is taken)\n"
    "  --tls-cert FILE, --tls-key FILE  TLS for the console and the API: the certificate with its issuers, and its key, in PEM.\n"
    "                      The names in it are those that browsers may use. SIGHUP reads both again\n"
    "  --api ADDRESS:PORT  serves the API there too, for those with a token (clawbox token); without TLS 127.0.0.1 or [::1] (default:\n"
    "                     the control socket alone)\n"
    "  --master-key-file FILE  the vault's key: 64 hexadecimal digits, readable by its owner and at most its group\n"
    "                     (default: $CREDENTIALS_DIRECTORY/clawbox-master-key if systemd gave one, else master.key in the\n"
    "                     state directory, made at the first start)\n"
    "  --passphrase-file FILE  instead of a key: a passphrase, from which it is derived (argon2id); - for standard input\n"
    "  --passphrase       the same, from the terminal\n"
    "  --roots FILE       the certificates that providers are checked against (default: the system's)\n"
    "  --dns SERVERS      name servers, with commas between them (default: the system's)\n"
    "  --parent-proxy HOST:PORT  a proxy behind which the providers are; it is asked for tunnels to addresses that were\n"
    "                     checked here. Routes with upstream.address are dialled without it\n"
    "  --parent-proxy-login FILE  a line user:password for it\n"
    "  --idle MS          after so many milliseconds without a connection a tenant's processes end, and the next\n"
    "                     connection starts them again (default: 300000; 0: never)\n"
    "  --drain SECONDS    what is under way may take so long after SIGTERM; nobody connects any more, and a second SIGTERM\n"
    "                     ends at once (default: 3)\n"
    "  --uid-base N       as root: the first of the 61,000 user ids that the roles take (default: 400000)\n"
    "  --waive LAYER      run without a layer of the confinement, because the kernel or a container does not give it;\n"
    "                     may be repeated: namespaces, root, landlock, seccomp, uid, capabilities, limits, dumpable,\n"
    "                     no_new_privs. What is waived is said at every start and by `clawbox status`\n"
    "  --log-level LEVEL  error, warn, info or debug (default: info)\n" STATE_HELP "\n"
    "example:\n"
    "  clawbox serve --state ~/clawbox-state\n";

static const char help_rekey[] =
    "usage: clawbox rekey [--state DIR] [options]\n"
    "\n"
    "Seals all credentials and the tenants' CA keys for a new master key, while the server is stopped: all of them or none, also\n"
    "when it is cut off. Without options the state directory's own key is replaced by a new one. Backups from before need the old\n"
    "key.\n"
    "\n"
    "options:\n"
    "  --master-key-file FILE, --passphrase-file FILE, --passphrase              the key until now, as for serve\n"
    "  --new-master-key-file FILE, --new-passphrase-file FILE, --new-passphrase  the key from now on\n"
    "  --uid-base N, --waive LAYER   what serve is given\n" STATE_HELP "\n"
    "example:\n"
    "  clawbox rekey --state ~/clawbox-state\n";

static const char help_demo[] =
    "usage: clawbox demo\n"
    "\n"
    "Plays the whole story on this machine, without a key, a network or root: an agent, the real proxy, a fake\n"
    "provider. Says what was allowed and what was stopped. Exit code 0 only if every line of it holds.\n"
    "\n"
    "example:\n"
    "  clawbox demo\n";

static const char help_tenant[] =
    "usage: clawbox tenant apply -f FILE [-f FILE ...] [--json]\n"
    "       clawbox tenant ls [--json]\n"
    "       clawbox tenant show NAME [--yaml | --json]\n"
    "       clawbox tenant suspend NAME\n"
    "       clawbox tenant resume NAME\n"
    "       clawbox tenant rotate-ca NAME [--finish]\n"
    "       clawbox tenant rm NAME [--yes]\n"
    "       clawbox tenant test -f FILE -t TESTS [-t TESTS ...] [--json]\n"
    "       clawbox tenant diff -f FILE [TENANT] [--from OLD] [--json]\n"
    "\n"
    "A tenant is one person's assistant: its routes, credentials, placeholders and records.\n"
    "\n"
    "  apply   makes the tenants of a file, or brings them up to date; all of a file or none\n"
    "  ls      lists them\n"
    "  show    its routes, and its credentials with the hosts that they may go to\n"
    "  suspend answers every request of its agent with 403, cuts what is under way, and forgets its credentials\n"
    "          until it is resumed; a tripwire does the same for a tenant whose file says `tripwire: suspend`\n"
    "  resume  lets its requests go on\n"
    "  rotate-ca makes a successor of its CA, which `clawbox env` gives to agents beside the present one; with --finish the\n"
    "          successor signs. Ahead of a CA's end (a year) that is done without being asked: 30 and 7 days before; a tenant\n"
    "          whose file says `nameConstraints: true` gets a successor when its hosts change, which waits for --finish\n"
    "  rm      removes one with its credentials; the audit keeps its records\n"
    "  test    asks the tenants of a file what they make of the requests in other files, without a server\n"
    "          (schema/policy-test.schema.json); exit code 1 when something is not as expected\n"
    "  diff    says in words what applying a file would newly allow and refuse, most dangerous first; exit codes as\n"
    "          of diff(1): 0 nothing changes, 1 something does, 2 it cannot be said\n"
    "\n"
    "options:\n"
    "  -f, --file FILE the tenant file, \"-\" for standard input; a caFile in it is relative to the file's directory\n"
    "  -t, --tests FILE  requests, and whether they are to be allowed\n"
    "  --from OLD      compare with the tenants of another file instead of the running server's\n"
    "  --yaml          the tenant file as it was applied\n"
    "  --json          JSON instead of a table\n"
    "  --yes           do not ask\n" STATE_HELP "\n"
    "example:\n"
    "  clawbox tenant apply -f alice.yaml\n"
    "  clawbox tenant test -f alice.yaml -t alice-tests.yaml\n"
    "  clawbox tenant diff -f alice.yaml\n";

static const char help_provision[] =
    "usage: clawbox provision NAME [-f FILE | --provider P[=CREDENTIAL]...] [--out DIR] [options]\n"
    "       clawbox provision --all [--out DIR] [options]\n"
    "\n"
    "Makes a tenant, or brings it up to date, and writes the manifests of its two Kubernetes namespaces, NAME-claw and NAME-dev,\n"
    "to DIR/NAME, for `kubectl apply -k` or a repository that a cluster follows. The same tenant gives the same bytes, and a\n"
    "file that is right already is not touched. In DIR/NAME may be nothing but what this command wrote: anything else is\n"
    "named, and nothing is changed. Without -f and --provider the tenant stays as it is. No value of a credential passes here:\n"
    "what to do about Secrets is said at the end.\n"
    "\n"
    "options:\n"
    "  -f, --file FILE    the tenant's document, \"-\" for standard input; spec.kubernetes in it says how it looks on the cluster\n"
    "  --provider P[=CREDENTIAL]  instead of it: a route to this provider, with this credential (default: named as the provider);\n"
    "                     may be repeated. It is added to the document that the tenant has; without one, a document is made\n"
    "  -o, --out DIR      where the folder NAME is (default: the current directory); \"-\" writes one stream of YAML\n"
    "  --flavor F         kubernetes or openshift\n"
    "  --image REF        of clawbox in the cluster; --gateway-image REF: of the gateway\n"
    "  --secrets S        reference: they are there, and `kubectl create secret` lines are printed; external: ExternalSecrets;\n"
    "                     file: keys are made here and written to DIR/NAME/secrets.yaml (0600; what is in it stays)\n"
    "  --credential-file CREDENTIAL=FILE  with --secrets file: the credential goes in there too; may be repeated\n"
    "  --dry-run          says what would change, and changes neither the tenant nor a file\n"
    "  --diff             shows it as diff -u does; exit code 0 nothing would change, 1 something would, 2 it cannot be said\n"
    "  --all              every tenant\n"
    "  --json             one JSON object for each tenant\n"
    "What an option says instead of spec.kubernetes holds for this run.\n" STATE_HELP "\n"
    "examples:\n"
    "  clawbox provision alice --provider openai=openai --out clusters/main\n"
    "  clawbox provision alice -f alice.yaml --out clusters/main --diff\n"
    "  kubectl apply --server-side -k clusters/main/alice\n";

static const char help_deprovision[] =
    "usage: clawbox deprovision NAME [--out DIR] [--tenant] [--yes]\n"
    "\n"
    "Removes the manifests that `clawbox provision NAME` wrote to DIR/NAME, and says what to delete in the cluster, in which order.\n"
    "The volumes there are kept, and so is secrets.yaml, whose keys open them.\n"
    "\n"
    "options:\n"
    "  -o, --out DIR   where the folder NAME is (default: the current directory)\n"
    "  --tenant        removes the tenant with its credentials as well, as `clawbox tenant rm` does\n"
    "  --yes           do not ask\n" STATE_HELP "\n"
    "example:\n"
    "  clawbox deprovision alice --out clusters/main\n";

static const char help_credential[] =
    "usage: clawbox credential set TENANT CREDENTIAL [--from-file FILE [--follow]] [--json]\n"
    "       clawbox credential ls TENANT [--json]\n"
    "       clawbox credential rm TENANT CREDENTIAL\n"
    "\n"
    "  set     reads the value from standard input (on a terminal it asks, and shows nothing), seals it to the vault\n"
    "          together with the hosts that the tenant's routes send it to, and says which these are\n"
    "  ls      lists the credentials of a tenant: whether they are set, and where they may go\n"
    "  rm      takes the value away; requests that need it are answered with 503 until it is set again\n"
    "\n"
    "A value is never an argument, and nothing reads one back.\n"
    "\n"
    "options:\n"
    "  --from-file FILE\n"
    "                  the value is in a file\n"
    "  --follow        goes on reading the file, and sets the value whenever it has changed (a token of Kubernetes, say);\n"
    "                  ends when the routes would send it elsewhere than at the start\n"
    "  --json          JSON instead of text\n" STATE_HELP "\n"
    "example:\n"
    "  clawbox credential set alice openai < key.txt\n";

static const char help_env[] =
    "usage: clawbox env TENANT [--json]\n"
    "\n"
    "Prints what the tenant's agent needs in its environment, as lines for a shell: the proxy, the certificates that it\n"
    "has to trust (written to DIR/tenants/TENANT/ca-bundle.pem), and a placeholder for each credential.\n"
    "An SDK that takes a base URL and no proxy is given $CLAWBOX_BASE_URL/HOST/PATH for https://HOST/PATH.\n"
    "\n"
    "options:\n"
    "  --json          {\"variables\": {NAME: VALUE, ...}} instead of shell lines\n" STATE_HELP "\n"
    "example:\n"
    "  eval \"$(clawbox env alice)\"\n";

static const char help_run[] =
    "usage: clawbox run TENANT [options] -- PROGRAM [ARGUMENT]...\n"
    "\n"
    "Runs a program whose only way out is the tenant's listener. It has a network of its own with nothing in it but that, sees its own\n"
    "processes alone, has no capability, and makes no Unix socket by name (so it reaches no container engine, no SSH agent, no\n"
    "session bus). It reads the files that you can read, but for the state directory and the places below your home directory\n"
    "where credentials usually are; it writes to the working directory and to a /tmp of its own. Of your environment it gets\n"
    "what a terminal needs, and then what `clawbox env` says. What it leaves in the working directory (a hook of git, a Makefile)\n"
    "is not held back when you run it later.\n"
    "\n"
    "options:\n"
    "  --write PATH    can be written too (up to 31 times)\n"
    "  --hide PATH     is empty for it too (up to 31 times)\n"
    "  --env NAME[=VALUE]\n"
    "                  a variable that it gets too (up to 32 times)\n"
    "  -q, --quiet     without the line that says what holds\n" STATE_HELP "\n"
    "The exit code is the program's; 126 when it cannot be executed, 127 when it is not found, 128 and a signal's number.\n"
    "\n"
    "example:\n"
    "  clawbox run alice -- claude\n";

static const char help_proxy[] =
    "usage: clawbox proxy -f TENANT.yaml --credentials DIR [options]\n"
    "\n"
    "Runs the appliance for one tenant from files, as in the pod that `clawbox provision` writes, and follows changes of the files\n"
    "without cutting what is under way. Records of the audit are on standard output, a JSON object a line, and in the database.\n"
    "\n"
    "  TENANT.yaml        the tenant's document; one that is wrong leaves the routes as they were\n"
    "  DIR/NAME/value     a credential's value\n"
    "  DIR/NAME/hosts     where it may go: lines such as api.openai.com:443, as `clawbox credential ls` shows them. Routes that\n"
    "                     want to send it elsewhere leave it unset: whoever has the Secret decides, not who edits routes\n"
    "\n"
    "options:\n"
    "  --token-file FILE  the token that the agent has to show (default: one is made)\n"
    "  --master-key-file FILE  what the database is sealed with (default: master.key in the state directory)\n"
    "  --listen ADDRESS:PORT  where the agent comes (default: 0.0.0.0:8080)\n"
    "  --health ADDRESS:PORT  answers GET /healthz, /readyz and /metrics there (default: nowhere)\n"
    "  --read DIR         files that the tenant's document names (caFile) may be there too; may be repeated\n"
    "  --roots FILE       the certificates that providers are checked against (default: the system's)\n"
    "  --dns SERVERS      name servers, with commas between them (default: the system's)\n"
    "  --drain SECONDS    what is under way may take so long after SIGTERM; nobody connects any more, and a second SIGTERM\n"
    "                     ends at once (default: 25)\n"
    "  --waive LAYER      run without a layer of the confinement; may be repeated. In a pod there is no `namespaces`\n"
    "  --log-level LEVEL  error, warn, info or debug (default: info)\n" STATE_HELP
    "                  A volume that belongs to somebody else gets a folder `appliance` for it\n"
    "\n"
    "example:\n"
    "  clawbox proxy -f /etc/clawbox/tenant/tenant.yaml --credentials /etc/clawbox/credentials --health 0.0.0.0:8081\n";

static const char help_explain[] =
    "usage: clawbox explain TENANT METHOD URL [-H 'Name: value']... [-f FILE] [--json]\n"
    "\n"
    "Says what would become of a request, and sends nothing: the verdict, the route that decides and why, the URL as it\n"
    "would be sent, what would be put in and taken out. It asks the code that decides in the proxy. What is allowed\n"
    "for a time counts as it does at this moment, but not with a file. Limits, what a body carries and what a name\n"
    "resolves to are not known without traffic.\n"
    "\n"
    "options:\n"
    "  -H, --header 'Name: value'  a header of the request; may be repeated. {placeholder:CREDENTIAL} in it or in\n"
    "                              the URL stands for what the agent holds instead of the credential\n"
    "  -f, --file FILE             the policy in a tenant file, without a server; \"-\" for standard input\n"
    "  --json                      one JSON object\n" STATE_HELP "\n"
    "examples:\n"
    "  clawbox explain alice POST https://api.openai.com/v1/chat/completions\n"
    "  clawbox explain alice GET https://api.openai.com/v1/models -H 'Authorization: Bearer {placeholder:openai}'\n"
    "  clawbox explain -f alice.yaml alice GET https://example.com/\n";

static const char help_verify[] =
    "usage: clawbox verify NAME [--kubeconfig FILE] [--context CONTEXT] [--network-enforces] [--json]\n"
    "       clawbox verify NAME -f DIR [--json]\n"
    "\n"
    "Judges the Kubernetes objects of a tenant by two questions: can the assistant read its own secrets, and can it send\n"
    "data anywhere else? The assistant is taken to be hostile: it is every pod of NAME-claw but the proxy's, it has the\n"
    "rights of the proxy's ServiceAccount, and it starts in NAME-dev whatever its rights and admission allow. Rights,\n"
    "pods, NetworkPolicies and admission are looked at, and whatever opens a hole is named with its field. What objects\n"
    "cannot show is \"unsure\". Exit code 0 only when both answers are \"no\".\n"
    "\n"
    "A cluster is asked by kubectl, which has to be installed, with the rights of whoever runs this; Secrets are not read.\n"
    "In files, what else the cluster has is not known and taken to be harmless: ask the cluster, too.\n"
    "\n"
    "options:\n"
    "  --kubeconfig FILE   as kubectl takes it\n"
    "  --context CONTEXT   as kubectl takes it\n"
    "  --network-enforces  you know that the cluster's network enforces NetworkPolicies\n"
    "  -f, --file DIR      the files below a folder instead, as `clawbox provision` writes them; or one file, \"-\" for\n"
    "                      standard input\n"
    "  --json              one JSON object\n" STATE_HELP "\n"
    "examples:\n"
    "  clawbox verify alice\n"
    "  kubectl kustomize overlays/alice | clawbox verify alice -f -\n";

static const char help_attack[] =
    "usage: clawbox attack TENANT [--json] [--listener ADDRESS:PORT]\n"
    "\n"
    "Tries the published ways to break such a proxy, and says for each whether it held, with a reference: other hosts,\n"
    "ports, methods and paths than the tenant's routes allow, names and numbers that are not what they seem, services\n"
    "inside, framing, other tenants' tokens, a credential said back in every form, bytes that would forge the audit.\n"
    "No provider is asked: what could reach one goes to two throw-away tenants (attack-...), which have the routes of\n"
    "the tenant, an origin on this machine behind them and made-up credentials, and are removed at the end. The\n"
    "tenant's own listener is asked for what no provider has: this machine, metadata services, private networks.\n"
    "The records of all of it stay in the audit.\n"
    "A refusal counts only when it was said and the origin saw nothing. Exit code 0 when all held, 1 when something\n"
    "leaked or could not be tried to the end.\n"
    "\n"
    "options:\n"
    "  --json          one JSON object with every case\n"
    "  --listener ADDRESS:PORT  attack what listens there instead: to see that this command can fail\n" STATE_HELP
    "\n"
    "example:\n"
    "  clawbox attack alice\n";

static const char help_audit[] =
    "usage: clawbox audit [TENANT] [-n N] [--since TIME] [--denied] [--follow] [--json]\n"
    "       clawbox audit verify [--json]\n"
    "\n"
    "What was decided about each request, oldest first, and what came of it. `verify` walks the whole chain of records\n"
    "and says where it breaks, if it does (exit code 1).\n"
    "\n"
    "options:\n"
    "  -n N            the last N requests (default: 20, or all with --since); with --json the last N records\n"
    "  --since TIME    not older than 90s, 30m, 1h or 2d\n"
    "  --denied        only what was refused: the verdicts denied, tripwire, invalid and limited\n"
    "  --follow        go on with new records as they come\n"
    "  --json          one JSON object per line, every record in full\n" STATE_HELP "\n"
    "example:\n"
    "  clawbox audit alice --since 1h --denied\n";

static const char help_admin[] =
    "usage: clawbox admin add NAME [--scope admin|viewer]\n"
    "       clawbox admin ls [--json]\n"
    "       clawbox admin rm NAME\n"
    "       clawbox admin password NAME\n"
    "\n"
    "Administrators, who sign in at the console with a password. It is asked for on a terminal, or read from standard input,\n"
    "and has 12 to 1024 bytes; the server gets what argon2id makes of it, and keeps the hash of that.\n"
    "\n"
    "  add       makes one\n"
    "  ls        lists them, with their last sign-in\n"
    "  rm        removes one, and signs out whoever is signed in as that\n"
    "  password  gives one another password, and signs out in the same way\n"
    "\n"
    "options:\n"
    "  --scope SCOPE   admin: everything (the default). viewer: looks, and changes nothing\n"
    "  --json          JSON\n" STATE_HELP "\n"
    "example:\n"
    "  clawbox admin add ada\n";

static const char help_token[] =
    "usage: clawbox token create NAME --scope admin|viewer|tenant:TENANT [--expires DAYS] [--json]\n"
    "       clawbox token ls [--json]\n"
    "       clawbox token rm NAME\n"
    "\n"
    "Tokens for the API over TCP (clawbox serve --api). The server keeps their hashes only.\n"
    "\n"
    "  create  makes one and prints it, once\n"
    "  ls      lists them: scope, when they were made and last used (to some minutes), when they end; never a value\n"
    "  rm      makes one useless at once, on connections that are open too\n"
    "\n"
    "options:\n"
    "  --scope SCOPE   admin: everything. viewer: looks at everything but the proxy tokens and placeholders, and changes\n"
    "                  nothing. tenant:NAME: all about that tenant, except to remove it or to let it go on when it is suspended\n"
    "  --expires DAYS  it ends by itself, after 1 to 3650 days (default: never)\n"
    "  --json          JSON\n" STATE_HELP "\n"
    "example:\n"
    "  clawbox token create backup --scope viewer --expires 90\n";

static const char help_console[] =
    "usage: clawbox console [--json]\n"
    "\n"
    "Prints a link that signs in at the console of the running server, once and within ten minutes, to make an administrator\n"
    "with a password: the first one, another one, or the same one with a new password.\n"
    "\n"
    "options:\n"
    "  --json          JSON\n" STATE_HELP "\n"
    "example:\n"
    "  xdg-open $(clawbox console)\n";

static const char help_trust[] =
    "usage: clawbox trust --out FILE [--wait SECONDS]\n"
    "\n"
    "Writes the certificates that a tenant's agent has to trust to a file, as PEM: the tenant's CA, and its successor while\n"
    "there are two. They come from the tenant's proxy itself (GET /ca.pem), which is waited for. For a pod: it runs before\n"
    "the agent does. All TLS of such an agent ends in the proxy, so it needs no other roots.\n"
    "\n"
    "The proxy is in $CLAWBOX_PROXY_URL: http://NAME:TOKEN@HOST:PORT. It is no option, since arguments can be seen by everybody.\n"
    "\n"
    "options:\n"
    "  -o, --out FILE  the file; replaced as a whole, mode 0644\n"
    "  --wait SECONDS  how long to wait for the proxy (default: 120; at most 3600)\n"
    "\n"
    "example:\n"
    "  CLAWBOX_PROXY_URL=http://alice:$TOKEN@10.96.0.7:8080 clawbox trust --out /trust/ca.pem\n";

static const char help_image[] =
    "usage: clawbox image -o FILE [--roots FILE] [--tag NAME:TAG]\n"
    "\n"
    "Writes an OCI image (oci-archive) with this program as its only executable, for podman, skopeo, containerd: one layer with\n"
    "/clawbox, the root certificates by which a pod knows providers, and the empty folders that it needs. User 65532, no shell.\n"
    "The same program and roots give the same bytes; $SOURCE_DATE_EPOCH is the time of everything in it (default: 1970).\n"
    "\n"
    "options:\n"
    "  -o, --out FILE  the archive; - for standard output\n"
    "  --roots FILE    the root certificates, in PEM (default: this machine's); their digest is a label\n"
    "  --platform P    refused unless it is this program's own (linux/amd64, linux/arm64)\n"
    "  --tag NAME:TAG  the image's name (default: clawbox and the version)\n"
    "\n"
    "example:\n"
    "  clawbox image -o clawbox.tar && skopeo copy oci-archive:clawbox.tar docker://registry.example.com/clawbox:1\n";

static const char help_status[] =
    "usage: clawbox status [--json]\n"
    "\n"
    "What the running server is made of: its processes, and which layers of confinement hold in each of them. A layer\n"
    "that was waived with `clawbox serve --waive` is named, and whether the kernel, or a container, does not give it.\n"
    "For the roles of tenants (gate and egress): how many run, and the layers that hold in every one.\n"
    "\n"
    "options:\n"
    "  --json          JSON instead of a table\n" STATE_HELP "\n"
    "example:\n"
    "  clawbox status\n";

static const char help_version[] =
    "usage: clawbox version [--json]\n"
    "\n"
    "Prints the version of clawbox and of each library in it, and a digest of its\n"
    "table of messages, which is equal in builds that can speak with each other.\n"
    "\n"
    "options:\n"
    "  --json          one JSON object\n" STATE_HELP "\n"
    "example:\n"
    "  clawbox version --json\n";

static const char help_help[] = "usage: clawbox help [COMMAND]\n"
                                "\n"
                                "Lists the commands, or says how one is used.\n"
                                "\n"
                                "example:\n"
                                "  clawbox help tenant\n";

const struct command cmd_table[] = {
    {"serve", "runs the appliance", help_serve, cmd_serve},
    {"proxy", "the appliance for one tenant, in a pod, from files", help_proxy, cmd_proxy},
    {"demo", "the whole story on this machine, without any key or network", help_demo, cmd_demo},
    {"tenant", "tenants: apply, ls, show, suspend, resume, rotate-ca, rm, test, diff", help_tenant,
     cmd_tenant},
    {"provision", "a tenant, and its manifests for Kubernetes", help_provision, cmd_provision},
    {"deprovision", "removes them, and says what to delete in the cluster", help_deprovision,
     cmd_deprovision},
    {"credential", "credentials of a tenant: set, ls, rm", help_credential, cmd_credential},
    {"console", "a link that signs in at the console once", help_console, cmd_console},
    {"admin", "administrators of the console: add, ls, rm, password", help_admin, cmd_admin},
    {"token", "tokens for the API over TCP: create, ls, rm", help_token, cmd_token},
    {"env", "what a tenant's agent needs in its environment", help_env, cmd_env},
    {"image", "writes an OCI image with this program in it", help_image, cmd_image},
    {"trust", "fetches the certificates that an agent trusts from its proxy", help_trust, cmd_trust},
    {"run", "runs a program whose only way out is a tenant's listener", help_run, cmd_run},
    {"explain", "what would become of a request, and why; no traffic", help_explain, cmd_explain},
    {"attack", "how somebody would try to break it, done, and what held", help_attack, cmd_attack},
    {"verify", "whether a tenant's namespaces on a cluster hold", help_verify, cmd_verify},
    {"audit", "what was decided about each request; verify checks the records", help_audit, cmd_audit},
    {"rekey", "seals everything for a new master key", help_rekey, cmd_rekey},
    {"status", "what runs, and which layers of confinement hold", help_status, cmd_status},
    {"version", "versions of clawbox and its libraries", help_version, cmd_version},
    {"help", "how a command is used", help_help, cmd_help},
};
const size_t cmd_table_count = sizeof(cmd_table) / sizeof(cmd_table[0]);

const struct command *cmd_find(const char *name)
{
    for (size_t i = 0; i < cmd_table_count; i++) {
        if (strcmp(cmd_table[i].name, name) == 0) {
            return &cmd_table[i];
        }
    }
    return NULL;
}

int cmd_unknown(const char *name)
{
    const char *names[sizeof(cmd_table) / sizeof(cmd_table[0])];
    for (size_t i = 0; i < cmd_table_count; i++) {
        names[i] = cmd_table[i].name;
    }
    const char *nearest = cmd_nearest(name, names, cmd_table_count);
    if (nearest != NULL) {
        cmd_say("there is no command \"%s\": did you mean \"%s\"? All of them: clawbox help", name, nearest);
    } else {
        cmd_say("there is no command \"%s\": see clawbox help", name);
    }
    return CMD_USAGE;
}

void cmd_print_overview(FILE *out)
{
    (void)fputs("clawbox: an agent's only way out, with credentials that the agent never holds.\n"
                "\n"
                "usage: clawbox COMMAND [ARGUMENTS] [--state DIR]\n"
                "\n"
                "commands:\n",
                out);
    for (size_t i = 0; i < cmd_table_count; i++) {
        (void)fprintf(out, "  %-12s%s\n", cmd_table[i].name, cmd_table[i].summary);
    }
    (void)fputs("\n"
                "How one is used: clawbox COMMAND --help\n"
                "To begin: clawbox demo\n",
                out);
}
