"""The world of the sandbox tests: the attacked program, two tenants, their provider, and what an attacker would go for."""

import base64
import os
import shutil
import socket
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from appliance import WAIT, Agent, Appliance, make_certificates  # noqa: E402
from inside import Inside, Killed  # noqa: E402
from provider import Provider  # noqa: E402
from scenarios import Skip, get, wait_for  # noqa: E402

ATTACKED = os.path.join(ROOT, "build", "release", "bin", "clawbox-attacked")
PLAIN = os.path.join(ROOT, "build", "release", "bin", "clawbox-plain")
ROLES = ["gate", "egress", "store", "vault", "api", "console"]
NOBODY = 65534
SECRETS = {("alice", "openai"): "sk-real-alice-4f1c9a07e2b85d36", ("bob", "openai"): "sk-real-bob-93e0d7145a6fb28c",
           ("bob", "keys"): "key-real-bob-c5a81e60f2d7"}
HOSTS = ["api.openai.com", "keys.example.com", "evil-openai.co", "github.com"]
KILLS_BEFORE_RESTART = 3  # the monitor waits longer and longer before it starts a role again

OPENAI = """    - provider: openai
      credential: openai
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
"""
KEYS = """    - name: keys
      host: keys.example.com
      inject: {{header: X-Key}}
      credential: keys
      upstream: {{address: "127.0.0.1:{port}", caFile: {ca}}}
"""


class Targets:
    """What an attack aims at."""

    def __init__(self, stage, sibling, sibling_address, is_role):
        appliance = stage.appliance
        self.state = appliance.state
        self.master_key = os.path.join(self.state, "master.key")
        self.database = os.path.join(self.state, "store", "clawbox.db")
        self.control = os.path.join(self.state, "control.sock")
        self.scratch_file = stage.scratch_file
        self.mount_point = stage.mount_point
        self.monitor = appliance.process.pid
        self.sibling, self.sibling_address = sibling, sibling_address
        self.provider_port = stage.provider.port
        self.other_port = stage.port("bob")
        self.is_role = is_role
        self.stage = stage

    def plain_token(self, me):
        """The proxy token of the other tenant, which a role cannot know, and whoever tries the attack itself does."""
        if self.is_role:
            return b""
        login = self.stage.environments["bob"]["HTTPS_PROXY"].split("//")[1].rsplit("@", 1)[0]
        return b"Proxy-Authorization: Basic " + base64.b64encode(login.encode()) + b"\r\n"

    def some_socket(self, me):
        """A socket that the process has anyway."""
        return 3 if self.is_role else 1


class Stage:
    def __init__(self, listener, user=None, program=ATTACKED, options=()):
        self.asked = 0
        self.listener = listener
        self.appliance = Appliance("--console", "127.0.0.1:0", *options, user=user)
        self.appliance.program = program
        self.mount_point = os.path.join(self.appliance.home, "mount")
        os.mkdir(self.mount_point)
        os.chmod(self.appliance.home, 0o755)
        if user is not None:
            os.chown(self.appliance.home, user, user)
        self.ca, certificate, key = make_certificates(self.appliance.home, HOSTS)
        self.provider = Provider(certificate, key)
        self.scratch_file = os.path.join("/tmp", os.path.basename(self.appliance.home) + ".written")
        self.kills = {}
        self.log_position = 0
        os.environ["CLAWBOX_ATTACKER_SOCKET"] = listener.path if listener else ""
        self.appliance.start()
        for tenant, routes in (("alice", OPENAI), ("bob", OPENAI + KEYS)):
            self.appliance.apply(self.tenant(tenant, routes))
        for (tenant, name), value in SECRETS.items():
            self.set(tenant, name, value)
        self.look()

    def look(self):
        """What the agents are told; ports are other ones when somebody else has taken them meanwhile."""
        self.environments = {tenant: self.appliance.environment(tenant) for tenant in ("alice", "bob")}

    def stop(self):
        self.appliance.stop()
        self.kills.clear()
        if self.listener:
            self.listener.forget_all()

    def start(self):
        self.appliance.start()
        self.look()

    def tenant(self, name, routes):
        return (f"apiVersion: clawbox/v1\nkind: Tenant\nmetadata:\n  name: {name}\nspec:\n  routes:\n"
                + routes.format(port=self.provider.port, ca=self.ca))

    def set(self, tenant, name, value):
        self.appliance.run("credential", "set", tenant, name, stdin=value.encode() + b"\n")

    def port(self, tenant):
        return int(self.environments[tenant]["HTTPS_PROXY"].rstrip("/").rsplit(":", 1)[1])

    def agent(self, tenant):
        return Agent(self.environments[tenant])

    def tunnel(self, tenant="alice", host="api.openai.com"):
        agent = self.agent(tenant)
        try:
            response = agent.connect(host + ":443")
            assert response is not None and response.status == 200, f"CONNECT was answered {response and response.status}"
            agent.start_tls(host)
        except BaseException:
            agent.close()
            raise
        return agent

    def ask(self, tenant="alice", target="/v1/models", host="api.openai.com"):
        agent = self.tunnel(tenant, host)
        try:
            response = get(agent, target, host)
            assert response is not None, f"{target} was not answered"
            return response
        finally:
            agent.close()

    def works(self, tenant="alice"):
        """A request of the tenant reaches the provider with its credential. What an attack has sent may still be on its way, so it
        has a number of its own."""
        self.asked += 1
        target = f"/v1/models?works={self.asked}"
        response = self.ask(tenant, target)
        assert response.status == 200, f"a request of {tenant} was answered {response.status}: {response.body[:300]}"
        seen = [r.header("Authorization") for r in self.provider.take() if r.target == target]
        assert seen == [["Bearer " + SECRETS[(tenant, "openai")]]], f"the provider got {seen}"

    def recovers(self, tenant):
        """It works again, after a while in which it need not."""

        def answered():
            try:
                return self.ask(tenant).status == 200
            except (OSError, AssertionError):
                return False

        wait_for(f"an answer for {tenant}", answered)
        self.works(tenant)

    def pid(self, role, tenant="alice"):
        """Of a process that is up, started by a request when there is none."""
        key = (role, tenant if role in ("gate", "egress") else "")

        def find():
            if key[1] and key not in self.appliance.roles():
                self.ask(key[1])
            return self.appliance.roles().get(key)

        return wait_for(f"a {role}", find)

    def inside(self, role, tenant="alice"):
        if max(self.kills.values(), default=0) >= KILLS_BEFORE_RESTART:
            self.restart()
        me = wait_for(f"{role} to be taken over", lambda: self._inside(role, tenant))
        self.log_position = len(self.appliance.log())
        return me

    def _inside(self, role, tenant):
        try:
            return self.listener.of(self.pid(role, tenant))
        except Killed:
            return None  # it was on its way out

    def restart(self):
        self.stop()
        self.start()

    def ended_by(self, inside):
        """The signal that ended a role, as the monitor wrote it down."""
        self.kills[inside.role] = self.kills.get(inside.role, 0) + 1
        name = f"{inside.role}({inside.tenant})" if inside.tenant else inside.role
        position = self.log_position

        def find():
            text = self.appliance.log()[position:]
            at = text.find(f"{name} was ended by signal ")
            other = text.find(f"{name} ended with status ")
            if at < 0 and other < 0:
                return None
            return int(text[at:].split("signal ")[1].split()[0]) if at >= 0 else -1

        signal = wait_for(f"the end of {name}", find)
        if inside.tenant:  # the monitor ends the other of the two as well
            wait_for(f"the end of {inside.tenant}'s other process", lambda: all(t != inside.tenant for _, t in self.appliance.roles()))
        return signal

    def targets(self, me):
        """The sibling is another role: the vault, or for the vault the store."""
        sibling = self.pid("store" if me.role == "vault" else "vault")
        return Targets(self, sibling, me.scratch, True)

    def clean(self):
        """Takes away what an attack may have left."""
        if os.path.exists(self.scratch_file):
            os.unlink(self.scratch_file)

    def close(self):
        self.appliance.stop()
        self.provider.close()
        shutil.rmtree(self.appliance.home, ignore_errors=True)


class Plain:
    """A process that nothing confines, and another one as its victim."""

    def __init__(self, stage):
        self.stage = stage
        self.processes = []
        self.me, self.victim = self.start(), self.start()

    def start(self):
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        process = subprocess.Popen([PLAIN], stdin=subprocess.DEVNULL, stdout=its.fileno(), stderr=subprocess.DEVNULL)
        its.close()
        self.processes.append(process)
        me = Inside(ours)
        me.pid = process.pid
        return me.greet()

    def targets(self):
        return Targets(self.stage, self.victim.pid, self.victim.scratch, False)

    def close(self):
        self.me.close()
        self.victim.close()
        for process in self.processes:
            process.kill()
            process.wait()
